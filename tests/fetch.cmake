# Tests of gatewayd/fetch.
unit_test(fetch_url USES mtls::gatewayd_core)
unit_test(plan USES mtls::gatewayd_core)
unit_test(list_check USES mtls::gatewayd_core)
unit_test(web_answer USES mtls::gatewayd_core)
fuzz_target(fetch_url USES mtls::gatewayd_core)
fuzz_target(web_answer USES mtls::gatewayd_core)
