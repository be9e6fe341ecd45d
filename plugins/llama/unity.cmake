# Has the many small files of llama.cpp's own library compiled in groups, each group's headers read once. Given to CMake as
# CMAKE_PROJECT_INCLUDE by the scripts; a build without it gives the same library and takes longer.
if(PROJECT_NAME STREQUAL "llama.cpp")
    cmake_language(DEFER CALL set_target_properties llama PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 20)
endif()
