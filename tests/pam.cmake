# The local protocol, the NSS snapshot and the two modules.
unit_test(protocol USES mtls::common)
unit_test(nss_snapshot USES mtls::common)
fuzz_target(protocol USES mtls::common)
fuzz_target(nss_snapshot USES mtls::common)
