# To be sourced from the repository's root by scripts that build plugins/llama: how CMake builds llama.cpp. Every build has to agree,
# since cargo does not notice a change of these variables.
export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
export CMAKE_PROJECT_INCLUDE=$PWD/plugins/llama/llama.cmake
