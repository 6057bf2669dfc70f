unit_test(prescan USES mtls::common)
fuzz_target(prescan USES mtls::common)
