# Compile flags of all targets and the helpers that declare them.

add_compile_options(-Wall -Wextra -Wno-unused-parameter -Werror=return-type -ffp-contract=off)
if(QVL_SANITIZE)
  add_compile_options(-fsanitize=${QVL_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${QVL_SANITIZE})
endif()
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR} ${CMAKE_BINARY_DIR}/include)

find_package(absl REQUIRED)

# qvl_library(NAME SOURCES... [DEPENDS targets...]): a static library of the LLVM-free half.
function(qvl_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
endfunction()
