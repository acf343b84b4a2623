# Library scalselect_build_info: version, commit and compiler of the binary (experiments/build_info.h). Each build asks git
# and writes the one source file again only if the answer differs, so that nothing else is compiled for a commit.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(build_info ${CMAKE_BINARY_DIR}/build_info.cpp)
  add_custom_target(scalselect_ask_git BYPRODUCTS ${build_info} COMMENT "Asking git for the commit" VERBATIM
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${build_info} -DVERSION=${PROJECT_VERSION}
            "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" -DBUILD_TYPE=${CMAKE_BUILD_TYPE}
            -DLIBTORCH=${LibTorch_VERSION} -P ${CMAKE_CURRENT_LIST_FILE})
  add_library(scalselect_build_info STATIC ${build_info})
  target_include_directories(scalselect_build_info PRIVATE ${PROJECT_SOURCE_DIR})
  return()
endif()

find_program(GIT git)
set(COMMIT unknown)
set(DIRTY false)
# A tarball inside another project's checkout does not belong to that checkout.
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse HEAD OUTPUT_VARIABLE head RESULT_VARIABLE failed
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(COMMIT ${head})
    execute_process(COMMAND ${GIT} -C ${SOURCE} --no-optional-locks status --porcelain --untracked-files=no
                    OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      set(DIRTY true)
    endif()
  endif()
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/build_info.cpp.in ${OUTPUT} @ONLY)
