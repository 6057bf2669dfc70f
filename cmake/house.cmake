# The rules of the house: one INTERFACE target with the language, the warnings and the include root;
# one helper per kind of target. Folders list their sources by hand and name what they may use.
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(LIBSECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(LIBCONFUSE REQUIRED IMPORTED_TARGET libconfuse)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
pkg_check_modules(LIBCAPNG REQUIRED IMPORTED_TARGET libcap-ng)
# http_parser has no pkg-config file.
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
find_path(HTTP_PARSER_INCLUDE_DIR http_parser.h REQUIRED)
pkg_check_modules(LDAP REQUIRED IMPORTED_TARGET ldap lber)

option(MTLS_WERROR "warnings are errors" ON)
option(MTLS_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(MTLS_FUZZ "libFuzzer targets (clang)" OFF)
option(MTLS_COVERAGE "gcov counters" OFF)

add_library(house INTERFACE)
target_compile_features(house INTERFACE c_std_11)
target_compile_definitions(house INTERFACE _GNU_SOURCE)
target_include_directories(house INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(house INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
    -Wno-missing-field-initializers # rows of tables leave out what is zero
    -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -fvisibility=hidden -fno-common
    $<$<BOOL:${MTLS_WERROR}>:-Werror>)
if(MTLS_SANITIZE)
    target_compile_options(house INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(house INTERFACE -fsanitize=address,undefined)
    target_compile_definitions(house INTERFACE MTLS_SANITIZE)
endif()
if(MTLS_COVERAGE)
    target_compile_options(house INTERFACE --coverage)
    target_link_options(house INTERFACE --coverage)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# module(NAME SOURCES ... USES ...): a static library of one folder, known to the others as mtls::NAME.
function(module name)
    cmake_parse_arguments(M "" "" "SOURCES;USES" ${ARGN})
    add_library(${name} STATIC ${M_SOURCES})
    target_link_libraries(${name} PUBLIC house ${M_USES})
    add_library(mtls::${name} ALIAS ${name})
endfunction()

# program(NAME SOURCES ... USES ...): an executable.
function(program name)
    cmake_parse_arguments(P "" "" "SOURCES;USES" ${ARGN})
    add_executable(${name} ${P_SOURCES})
    target_link_libraries(${name} PRIVATE house ${P_USES})
endfunction()

# guest(NAME OUTPUT file MAP version-script SOURCES ... USES ...): a module that lives in other people's
# processes: only the symbols of its version script are visible.
function(guest name)
    cmake_parse_arguments(G "" "OUTPUT;MAP" "SOURCES;USES" ${ARGN})
    add_library(${name} MODULE ${G_SOURCES})
    target_link_libraries(${name} PRIVATE house ${G_USES})
    set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX "" OUTPUT_NAME ${G_OUTPUT}
        LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${G_MAP})
    target_link_options(${name} PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/${G_MAP}
        -Wl,-z,defs -Wl,-z,now -Wl,-z,relro)
endfunction()

# unit_test(FILE USES ...): tests/unit/test_FILE.c, a cmocka program and a ctest of the same name.
function(unit_test name)
    cmake_parse_arguments(T "" "" "SOURCES;USES" ${ARGN})
    add_executable(test_${name} ${PROJECT_SOURCE_DIR}/tests/unit/test_${name}.c ${T_SOURCES})
    target_link_libraries(test_${name} PRIVATE house PkgConfig::CMOCKA ${T_USES})
    add_test(NAME unit.${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# fuzz_target(NAME USES ...): tests/fuzz/fuzz_NAME.c with corpus tests/fuzz/corpus/NAME. With clang and
# MTLS_FUZZ a libFuzzer program; otherwise a program that runs the corpus once, as a ctest.
function(fuzz_target name)
    cmake_parse_arguments(F "" "" "USES" ${ARGN})
    set(source ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
    if(MTLS_FUZZ)
        add_executable(fuzz_${name} ${source})
        target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(fuzz_${name} ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
    endif()
    target_link_libraries(fuzz_${name} PRIVATE house ${F_USES})
endfunction()

enable_testing()
