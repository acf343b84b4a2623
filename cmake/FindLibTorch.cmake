# LibTorch from the `torch` wheel of PyPI, without the wheel's own CMake files (those require a CUDA toolkit).
# Looks at -DLIBTORCH=DIR, the environment's LIBTORCH, then .deps/torch, which scripts/setup.sh fills.
# Makes the imported target LibTorch::LibTorch. The CUDA half is opened at run time, never linked.
set(_libtorch_hint "${LIBTORCH}")
if(NOT _libtorch_hint)
  set(_libtorch_hint "$ENV{LIBTORCH}")
endif()
if(NOT _libtorch_hint)
  set(_libtorch_hint "${PROJECT_SOURCE_DIR}/.deps/torch")
endif()
find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h PATHS ${_libtorch_hint}/include NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu PATHS ${_libtorch_hint}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 PATHS ${_libtorch_hint}/lib NO_DEFAULT_PATH)
if(LibTorch_INCLUDE_DIR)
  # Before 2.10 the version header was elsewhere.
  foreach(_libtorch_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS ${LibTorch_INCLUDE_DIR}/${_libtorch_header} AND NOT LibTorch_VERSION)
      file(STRINGS ${LibTorch_INCLUDE_DIR}/${_libtorch_header} _libtorch_lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      string(REGEX REPLACE "[^0-9;]" "" _libtorch_numbers "${_libtorch_lines}")
      string(REPLACE ";" "." LibTorch_VERSION "${_libtorch_numbers}")
    endif()
  endforeach()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU LibTorch_C10 LibTorch_INCLUDE_DIR VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "looked in '${_libtorch_hint}'. Run scripts/setup.sh, or set LIBTORCH=/path/to/site-packages/torch")
if(LibTorch_FOUND AND LibTorch_VERSION VERSION_LESS 2.6)
  message(FATAL_ERROR "LibTorch ${LibTorch_VERSION} in '${_libtorch_hint}' is too old: 2.11.0 is the supported version")
endif()
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(LibTorch_LIB_DIR ${LibTorch_CPU} DIRECTORY)
  add_library(LibTorch::C10 SHARED IMPORTED)
  set_target_properties(LibTorch::C10 PROPERTIES IMPORTED_LOCATION ${LibTorch_C10})
  # The wheel brings a newer {fmt} that comes before Debian's. scripts/setup.sh leaves it out; with a wheel that has it,
  # header-only use keeps the two apart, for four seconds a file.
  set(_libtorch_fmt "")
  if(EXISTS ${LibTorch_INCLUDE_DIR}/fmt)
    set(_libtorch_fmt FMT_HEADER_ONLY)
  endif()
  add_library(LibTorch::LibTorch SHARED IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    IMPORTED_LOCATION ${LibTorch_CPU}
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_COMPILE_DEFINITIONS "${_libtorch_fmt}"
    INTERFACE_LINK_LIBRARIES LibTorch::C10
    INTERFACE_LINK_OPTIONS "-Wl,-rpath-link,${LibTorch_LIB_DIR};-Wl,--allow-shlib-undefined")
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU LibTorch_C10)
