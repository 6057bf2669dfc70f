# The local protocol, the NSS snapshot and the two modules.
unit_test(protocol USES mtls::common)
unit_test(nss_snapshot USES mtls::common)
unit_test(local_socket SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/fake_decide.c USES mtls::common)
fuzz_target(protocol USES mtls::common)
fuzz_target(nss_snapshot USES mtls::common)

# The modules are loaded as guests, under the sanitizers too, by programs of our own.
unit_test(pam_mtls SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/fake_decide.c
    ${PROJECT_SOURCE_DIR}/tests/unit/pam_application.c USES mtls::common ${PAM_LIBRARY} ${CMAKE_DL_LIBS})
target_compile_definitions(test_pam_mtls PRIVATE PAM_MTLS_MODULE="$<TARGET_FILE:pam_mtls>")
add_dependencies(test_pam_mtls pam_mtls)
unit_test(nss_mtls SOURCES ${PROJECT_SOURCE_DIR}/nss_mtls/group.c ${PROJECT_SOURCE_DIR}/nss_mtls/mapping.c
    ${PROJECT_SOURCE_DIR}/nss_mtls/passwd.c USES mtls::common)
add_test(NAME unit.modules COMMAND ${PROJECT_SOURCE_DIR}/tests/health/modules.sh ${PROJECT_SOURCE_DIR}
    $<TARGET_FILE:pam_mtls> $<TARGET_FILE:nss_mtls>)
set_tests_properties(unit.modules PROPERTIES LABELS unit TIMEOUT 60)
add_test(NAME unit.protocol_doc COMMAND ${PROJECT_SOURCE_DIR}/tests/health/protocol_doc.sh ${PROJECT_SOURCE_DIR})
set_tests_properties(unit.protocol_doc PROPERTIES LABELS unit TIMEOUT 60)
unit_test(pam_stacks USES mtls::common ${PAM_LIBRARY})
