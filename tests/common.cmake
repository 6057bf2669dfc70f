unit_test(reader USES mtls::common)
unit_test(text USES mtls::common)
unit_test(address USES mtls::common)
unit_test(error USES mtls::common)
