# One static library per folder: scalselect_folder(core PUBLIC fmt::fmt PRIVATE SQLite::SQLite3) makes target
# `scalselect_core` from every .cpp under the folder (so a new method or model is one file), alias scalselect::core.
function(scalselect_folder name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(pattern IN LISTS ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(NOT sources)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  endif()
  add_library(scalselect_${name} STATIC ${sources})
  add_library(scalselect::${name} ALIAS scalselect_${name})
  target_include_directories(scalselect_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(scalselect_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# Reading LibTorch's headers takes most of a file's compilation: programs take the library's precompiled ones, for which
# they must be position-independent in the same way.
function(scalselect_torch_program target)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM scalselect_vlm)
endfunction()

# One GoogleTest program per folder: scalselect_test(core LABELS fast LINK scalselect::core) takes tests/core/*.cpp.
function(scalselect_test name)
  cmake_parse_arguments(ARG "" "" "LABELS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources} ${CMAKE_CURRENT_SOURCE_DIR}/main.cpp)
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest)
  # Tests spend their time in the product's code; optimising theirs would take a quarter longer to compile.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_compile_definitions(test_${name} PRIVATE SCALSELECT_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                                   SCALSELECT_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/${name}/golden")
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}: DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()
