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

# Whether FILE includes LibTorch, itself or through headers of the repository.
function(scalselect_reads_libtorch file result)
  get_property(known GLOBAL PROPERTY "scalselect_reads_libtorch:${file}")
  if(NOT "${known}" STREQUAL "")
    set(${result} ${known} PARENT_SCOPE)
    return()
  endif()
  set_property(GLOBAL PROPERTY "scalselect_reads_libtorch:${file}" FALSE)  # until it is known: headers may include each other
  set(reads FALSE)
  file(STRINGS ${file} lines REGEX "^#include ")
  foreach(line IN LISTS lines)
    if(line MATCHES "<(torch|ATen|c10)/")
      set(reads TRUE)
    elseif(line MATCHES "\"(.+)\"")
      set(header ${PROJECT_SOURCE_DIR}/${CMAKE_MATCH_1})
      if(EXISTS ${header})
        scalselect_reads_libtorch(${header} reads)
      endif()
    endif()
    if(reads)
      break()
    endif()
  endforeach()
  set_property(GLOBAL PROPERTY "scalselect_reads_libtorch:${file}" ${reads})
  set(${result} ${reads} PARENT_SCOPE)
endfunction()

# Reading LibTorch's headers takes most of a file's compilation, so they are precompiled once; files that have no use for them
# are compiled without, for even precompiled ones take seconds: scalselect_precompile(scalselect_trainer REUSE_FROM scalselect_vlm).
function(scalselect_precompile target)
  target_precompile_headers(${target} ${ARGN})
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(source ${source} ABSOLUTE)
    scalselect_reads_libtorch(${source} reads)
    if(NOT reads)
      set_source_files_properties(${source} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()

# Programs take the library's precompiled headers, for which they must be position-independent in the same way.
function(scalselect_torch_program target)
  target_compile_options(${target} PRIVATE -fPIC)
  scalselect_precompile(${target} REUSE_FROM scalselect_vlm)
endfunction()

# One GoogleTest program per folder: scalselect_test(core LABELS fast LINK scalselect::core) takes tests/core/*.cpp.
# PLAIN: the tests themselves compute nothing to speak of and need no optimisation.
function(scalselect_test name)
  cmake_parse_arguments(ARG "PLAIN" "" "LABELS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources} ${CMAKE_CURRENT_SOURCE_DIR}/main.cpp)
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest)
  # Tests spend their time in the product's code; optimising theirs takes a quarter of their compilation, or half of it.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:$<IF:$<BOOL:${ARG_PLAIN}>,-O0,-O1>>)
  target_compile_definitions(test_${name} PRIVATE SCALSELECT_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                                   SCALSELECT_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/${name}/golden")
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}: DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()
