# The local protocol, the NSS snapshot and the two modules.
unit_test(protocol USES mtls::common)
unit_test(nss_snapshot USES mtls::common)
unit_test(local_socket SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/fake_decide.c USES mtls::common)
fuzz_target(protocol USES mtls::common)
fuzz_target(nss_snapshot USES mtls::common)
