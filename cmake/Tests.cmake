# Test registration: every test has a label and a time limit.

# pqga_unit_tests(floor LINKS libs...): each tests/unit/<floor>/test_<module>.c becomes unit.<floor>.<module>.
function(pqga_unit_tests floor)
    cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${floor}/test_*.c)
    foreach(source ${sources})
        get_filename_component(module ${source} NAME_WE)
        string(REGEX REPLACE "^test_" "" module ${module})
        set(target test_${floor}_${module})
        add_executable(${target} ${source})
        target_link_libraries(${target} PRIVATE ${ARG_LINKS} PkgConfig::CMOCKA)
        target_compile_definitions(${target} PRIVATE PQGA_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
        add_test(NAME unit.${floor}.${module} COMMAND ${target})
        pqga_test_properties(unit.${floor}.${module} LABEL unit TIMEOUT 60)
    endforeach()
endfunction()

function(pqga_test_properties test)
    cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "" ${ARGN})
    set_tests_properties(${test} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:second_deadlock_stack=1;UBSAN_OPTIONS=print_stacktrace=1;ASAN_OPTIONS=detect_leaks=1")
endfunction()
