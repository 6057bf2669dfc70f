unit_test(conditions USES mtls::policy)
unit_test(encode USES mtls::policy)
unit_test(evaluate USES mtls::policy)
unit_test(prescan USES mtls::common)
unit_test(suggest USES mtls::policy)

fuzz_target(policy_decode USES mtls::policy)
fuzz_target(policy_text USES mtls::policy)
fuzz_target(prescan USES mtls::common)

add_executable(run_policy_cases ${PROJECT_SOURCE_DIR}/tests/cases/run_policy_cases.c)
target_link_libraries(run_policy_cases PRIVATE house mtls::policy)
add_test(NAME cases.policy COMMAND run_policy_cases ${PROJECT_SOURCE_DIR}/tests/cases/policy)
set_tests_properties(cases.policy PROPERTIES LABELS cases TIMEOUT 120)
