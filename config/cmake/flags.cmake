# SPDX-License-Identifier: Apache-2.0
# Warnings are errors on gcc and clang; assertions stay on in every build, so
# NDEBUG is never defined.

add_compile_definitions(_GNU_SOURCE SHOPME_EDGE_VERSION="${PROJECT_VERSION}")
add_compile_options(
  -Wall -Wextra -Wpedantic -Werror
  -Wshadow -Wvla -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes
  -Wpointer-arith -Wcast-align -Wcast-qual -Wwrite-strings -Wundef
  -Wimplicit-fallthrough -Wswitch-enum -Wdouble-promotion -Wconversion)

# Hardening, as the Open Source Security Foundation's compiler guide names it.
add_compile_options(
  -fstack-protector-strong -fno-strict-aliasing -fno-common
  -fno-delete-null-pointer-checks)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
  add_compile_options(-fcf-protection=full -fstack-clash-protection)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)

# (-g1: what a backtrace needs. All of -g doubles the time to compile.)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")

set(EDGE_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")
if(EDGE_SANITIZE)
  add_compile_options(-g1 -fsanitize=${EDGE_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${EDGE_SANITIZE})
endif()
# Which lines the tests reach (tests/coverage.py).
option(EDGE_COVERAGE "Count the lines that run; gcc only" OFF)
if(EDGE_COVERAGE)
  # (Without optimization gcc takes ranges for wider than they are.)
  add_compile_options(--coverage -fprofile-update=atomic -Wno-format-truncation)
  add_link_options(--coverage)
endif()
# What looks at the code while it runs makes it slow, and a control of it no use.
set(EDGE_INSTRUMENTED OFF)
if(EDGE_SANITIZE OR EDGE_COVERAGE)
  set(EDGE_INSTRUMENTED ON)
endif()
# Some sixty programs: clang would put ASan's runtime into each of them, which
# takes most of the time to link them.
if(EDGE_SANITIZE MATCHES "address" AND CMAKE_C_COMPILER_ID STREQUAL "Clang"
   AND NOT EDGE_FUZZ)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-runtime-dir
                  OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  add_link_options(-shared-libsan -Wl,-rpath,${runtime})
endif()

# The fuzzers' build: all code tells libFuzzer which way it went (tests/fuzz).
option(EDGE_FUZZ "Build the fuzzers; clang only" OFF)
if(EDGE_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "EDGE_FUZZ needs clang: cmake --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# A control is a build that breaks one rule on purpose; a test that does not
# catch it is no test. Never set for anything that is shipped.
set(EDGE_CONTROL "" CACHE STRING "Negative control, e.g. ACK_ON_RECEIPT")
if(EDGE_CONTROL)
  add_compile_definitions(EDGE_CONTROL_${EDGE_CONTROL}=1)
endif()

# edge_library(NAME [HOT] SOURCES ... LINKS ...): one folder, one static library.
# HOT is what tests spend their time in: optimized in sanitized builds too.
function(edge_library name)
  cmake_parse_arguments(arg "HOT" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  if(arg_HOT AND EDGE_SANITIZE)
    target_compile_options(${name} PRIVATE -O1)
  endif()
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()

# edge_test(NAME SOURCES ... LINKS ...): one cmocka program, run by ctest.
function(edge_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} cmocka)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()
