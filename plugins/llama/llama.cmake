# How the scripts have llama.cpp built, given to CMake as CMAKE_PROJECT_INCLUDE. A build without it gives the same library and takes
# twice as long.
if(PROJECT_NAME STREQUAL "llama.cpp")
    # Downloads, templates and arguments for its own programs, half of all that would be compiled: nothing here calls them.
    set(LLAMA_BUILD_COMMON OFF)
    # The many small files of the library are compiled in groups, each group's headers read once.
    cmake_language(DEFER CALL set_target_properties llama PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 20)
endif()
