# Finds MLIR 22 and declares how targets of the compiler half are built. Everything links the shared
# libraries MLIR and LLVM (RTTI on); mixing in the static archives would give two copies of the registries.

find_package(MLIR 22.1 REQUIRED CONFIG PATHS /usr/lib/llvm-22/lib/cmake/mlir)
find_package(LLD REQUIRED CONFIG PATHS /usr/lib/llvm-22/lib/cmake/lld)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(QVL_LLVM_DEFINITIONS NATIVE_COMMAND ${LLVM_DEFINITIONS})

# The precompiled header of the compiler half: parsing the MLIR headers dominates build time without it.
add_library(QvlMlirPch STATIC ${CMAKE_SOURCE_DIR}/cmake/MlirPch.cpp)
target_include_directories(QvlMlirPch SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(QvlMlirPch PUBLIC ${QVL_LLVM_DEFINITIONS})
target_precompile_headers(QvlMlirPch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/MlirPch.h)

function(qvl_use_mlir target)
  target_include_directories(${target} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${target} PUBLIC ${QVL_LLVM_DEFINITIONS})
  target_precompile_headers(${target} REUSE_FROM QvlMlirPch)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE) # The header is compiled with -fPIC and refuses -fPIE.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# qvl_mlir_library(NAME SOURCES... [DEPENDS targets...] [TABLEGEN targets...])
function(qvl_mlir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;TABLEGEN" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  qvl_use_mlir(${name})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} MLIR LLVM)
  if(ARG_TABLEGEN)
    add_dependencies(${name} ${ARG_TABLEGEN})
  endif()
endfunction()

# qvl_mlir_executable(NAME SOURCES... [DEPENDS targets...])
function(qvl_mlir_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  qvl_use_mlir(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} MLIR LLVM)
endfunction()
