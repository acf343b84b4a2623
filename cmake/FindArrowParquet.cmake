# Arrow C++ with its Parquet library from the `pyarrow` wheel of PyPI: its headers and two of its shared libraries.
# Looks at -DPYARROW=DIR, the environment's PYARROW, then .deps/pyarrow, which scripts/setup.sh fills. DIR is the folder
# `pyarrow` of site-packages. Makes the imported target ArrowParquet::ArrowParquet.
set(_arrow_hint "${PYARROW}")
if(NOT _arrow_hint)
  set(_arrow_hint "$ENV{PYARROW}")
endif()
if(NOT _arrow_hint)
  set(_arrow_hint "${PROJECT_SOURCE_DIR}/.deps/pyarrow")
endif()
find_path(ArrowParquet_INCLUDE_DIR parquet/arrow/reader.h PATHS ${_arrow_hint}/include NO_DEFAULT_PATH)
# The wheel's libraries have their version in their name (libarrow.so.2600) and no link without it.
foreach(_arrow_library arrow parquet)
  if(NOT ArrowParquet_${_arrow_library})
    file(GLOB _arrow_found ${_arrow_hint}/lib${_arrow_library}.so.*)
    if(_arrow_found)
      list(GET _arrow_found 0 _arrow_found)
      set(ArrowParquet_${_arrow_library} ${_arrow_found} CACHE FILEPATH "Arrow's lib${_arrow_library}")
    endif()
  endif()
endforeach()
if(ArrowParquet_INCLUDE_DIR)
  file(STRINGS ${ArrowParquet_INCLUDE_DIR}/arrow/util/config.h _arrow_line REGEX "#define ARROW_VERSION_STRING ")
  string(REGEX REPLACE "[^0-9.]" "" ArrowParquet_VERSION "${_arrow_line}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ArrowParquet
  REQUIRED_VARS ArrowParquet_arrow ArrowParquet_parquet ArrowParquet_INCLUDE_DIR VERSION_VAR ArrowParquet_VERSION)
if(ArrowParquet_FOUND AND NOT TARGET ArrowParquet::ArrowParquet)
  get_filename_component(ArrowParquet_LIB_DIR ${ArrowParquet_arrow} DIRECTORY)
  add_library(ArrowParquet::Arrow SHARED IMPORTED)
  set_target_properties(ArrowParquet::Arrow PROPERTIES IMPORTED_LOCATION ${ArrowParquet_arrow})
  add_library(ArrowParquet::ArrowParquet SHARED IMPORTED)
  set_target_properties(ArrowParquet::ArrowParquet PROPERTIES
    IMPORTED_LOCATION ${ArrowParquet_parquet}
    INTERFACE_INCLUDE_DIRECTORIES ${ArrowParquet_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES ArrowParquet::Arrow
    INTERFACE_LINK_OPTIONS "-Wl,-rpath-link,${ArrowParquet_LIB_DIR}")
endif()
mark_as_advanced(ArrowParquet_INCLUDE_DIR ArrowParquet_arrow ArrowParquet_parquet)
