# Test registration: every test has a label and a time limit.

# pqga_unit_tests(floor FOLDERS folders... LINKS libs...): each test_<module>.c in these folders of tests/unit (none
# given: the floor's own) becomes unit.<floor>.<module>.
function(pqga_unit_tests floor)
    cmake_parse_arguments(ARG "" "" "FOLDERS;LINKS" ${ARGN})
    if(NOT ARG_FOLDERS)
        set(ARG_FOLDERS ${floor})
    endif()
    list(TRANSFORM ARG_FOLDERS PREPEND ${CMAKE_SOURCE_DIR}/tests/unit/)
    list(TRANSFORM ARG_FOLDERS APPEND /test_*.c)
    file(GLOB sources CONFIGURE_DEPENDS ${ARG_FOLDERS})
    foreach(source ${sources})
        get_filename_component(module ${source} NAME_WE)
        string(REGEX REPLACE "^test_" "" module ${module})
        set(target test_${floor}_${module})
        add_executable(${target} ${source})
        target_link_libraries(${target} PRIVATE ${ARG_LINKS} pqga_case_filter PkgConfig::CMOCKA)
        target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
        target_compile_definitions(${target} PRIVATE PQGA_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
        add_test(NAME unit.${floor}.${module} COMMAND ${target})
        pqga_test_properties(unit.${floor}.${module} LABEL unit TIMEOUT 60)
    endforeach()
endfunction()

function(pqga_test_properties test)
    cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "" ${ARGN})
    if(PQGA_SANITIZE) # several times slower
        math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
    endif()
    set_tests_properties(${test} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1;UBSAN_OPTIONS=print_stacktrace=1;ASAN_OPTIONS=detect_leaks=1")
endfunction()
