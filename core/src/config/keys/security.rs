//! Keys of a node that concern who may do what.

use super::prelude::*;

/// Keys of a node that concern who may do what. By name.
pub(in crate::config) const SECURITY: &[Definition] = &[
    Definition::new(
        "authorizer.class.name",
        String,
        Some(""),
        "The authorizer; empty allows everything to everybody.",
    )
    .reported(AUTHORIZATION),
    Definition::new(
        "connection.failed.authentication.delay.ms",
        Int,
        Some("100"),
        "How long a connection that failed to authenticate is kept before it is closed, in \
         milliseconds.",
    )
    .at_least(0)
    .reported(SASL),
    Definition::new(
        "connections.max.reauth.ms",
        Long,
        Some("0"),
        "After how many milliseconds a client must authenticate again; 0 is never.",
    )
    .reported(SASL),
    Definition::new("sasl.enabled.mechanisms", List, Some(""), "The SASL mechanisms that clients may use.")
        .check(Items(&[]))
        .reported(SASL),
    Definition::new(
        "sasl.oauthbearer.clock.skew.seconds",
        Int,
        Some("30"),
        "How far clocks may differ when the times in a token are checked, in seconds.",
    )
    .reported(SASL),
    Definition::new(
        "sasl.oauthbearer.expected.audience",
        List,
        Some(""),
        "The audiences of which a token must name one.",
    )
    .check(Items(&[]))
    .reported(SASL),
    Definition::new("sasl.oauthbearer.expected.issuer", String, None, "The issuer that a token must name.")
        .reported(SASL),
    Definition::new(
        "sasl.oauthbearer.jwks.endpoint.url",
        String,
        None,
        "Where the keys that sign tokens are found.",
    )
    .reported(SASL),
    Definition::new(
        "sasl.oauthbearer.scope.claim.name",
        String,
        Some("scope"),
        "The claim of a token that holds its scope.",
    )
    .reported(SASL),
    Definition::new(
        "sasl.oauthbearer.sub.claim.name",
        String,
        Some("sub"),
        "The claim of a token that holds its subject.",
    )
    .reported(SASL),
    Definition::new(
        "sasl.server.max.receive.size",
        Int,
        Some("524288"),
        "The largest message of a SASL exchange that is read, in bytes.",
    )
    .reported(SASL),
    Definition::new(
        "ssl.client.auth",
        String,
        Some("none"),
        "Whether clients must, may or need not show a certificate.",
    )
    .check(OneOf(&["required", "requested", "none"]))
    .reported(TLS),
    Definition::new(
        "ssl.enabled.protocols",
        List,
        Some("TLSv1.2,TLSv1.3"),
        "The TLS versions that are offered.",
    )
    .check(Items(&[]))
    .reported(TLS),
    Definition::new("ssl.key.password", Password, None, "The password of the private key.").reported(TLS),
    Definition::new(
        "ssl.keystore.location",
        String,
        None,
        "The file with the private key and its certificates.",
    )
    .reported(TLS),
    Definition::new("ssl.keystore.password", Password, None, "The password of the key store.").reported(TLS),
    Definition::new("ssl.keystore.type", String, Some("JKS"), "The format of the key store.").reported(TLS),
    Definition::new(
        "ssl.principal.mapping.rules",
        String,
        Some("DEFAULT"),
        "How the name in a certificate becomes a principal.",
    )
    .reported(TLS),
    Definition::new(
        "ssl.truststore.location",
        String,
        None,
        "The file with the certificates of those who sign the certificates of clients.",
    )
    .reported(TLS),
    Definition::new("ssl.truststore.type", String, Some("JKS"), "The format of the trust store.")
        .reported(TLS),
    Definition::new("super.users", Password, None, "Principals to whom everything is allowed.")
        .hidden()
        .reported(AUTHORIZATION),
];
