# Read by cpack before each package. Without these tools CPack makes a .deb that names no dependency, and says nothing.
if(CPACK_GENERATOR STREQUAL "DEB")
  foreach(tool file dpkg-shlibdeps)
    find_program(found_${tool} ${tool})
    if(NOT found_${tool})
      message(FATAL_ERROR "'${tool}' is missing, which finds the package's dependencies. Run scripts/setup.sh --package.")
    endif()
  endforeach()
endif()
