//! SeaweedFS's own settings for who may talk to whom: `security.toml`.
//!
//! What counts here is what counts for any client of SeaweedFS (`LoadClientTLS` and `LoadHTTPClientFromFile` in its
//! source): `grpc.ca` with `grpc.client.cert` and `.key` for gRPC, all three or none; `https.client` for file content.
//! Paths are relative to the file that names them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::verifier::AnyHost;

/// How connections are secured. By default they are not, as SeaweedFS's are not.
#[derive(Clone, Default, Debug)]
pub struct Security {
    pub(crate) grpc: Option<Arc<ClientConfig>>,
    pub(crate) https: Option<Arc<ClientConfig>>,
}

/// Settings that cannot be used. The text names the file and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path}: {text}", path = path.display())]
pub struct SecurityError {
    path: PathBuf,
    text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    grpc: Grpc,
    https: Https,
    jwt: Jwt,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Grpc {
    ca: String,
    client: Pair,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pair {
    cert: String,
    key: String,
    client_cert: String,
    client_key: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Https {
    client: HttpsClient,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HttpsClient {
    enabled: bool,
    cert: String,
    key: String,
    ca: String,
    insecure_skip_verify: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwt {
    filer_signing: Signing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Signing {
    key: String,
    read: SigningRead,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SigningRead {
    key: String,
}

impl Security {
    /// Reads a `security.toml`.
    ///
    /// # Errors
    /// When it, or a certificate or key that it names, cannot be read, and when it asks for what is not supported: signed
    /// requests to the filer (`jwt.filer_signing`), and HTTPS without looking at certificates.
    pub fn from_file(path: &Path) -> Result<Security, SecurityError> {
        let failed = |text: String| SecurityError { path: path.to_owned(), text };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let document: Document = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        let signing = &document.jwt.filer_signing;
        if !signing.key.is_empty() || !signing.read.key.is_empty() {
            return Err(failed(
                "jwt.filer_signing is set, and signed requests to the filer are not supported".into(),
            ));
        }
        if document.https.client.insecure_skip_verify {
            return Err(failed("https.client.insecure_skip_verify is not supported: name a CA".into()));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let grpc = document.grpc.config(folder)?;
        let https = document.https.client.config(folder).transpose()?;
        if grpc.is_none() && !document.grpc.ca.is_empty() {
            return Err(failed(
                "grpc.ca is set, but not both of grpc.client.cert and grpc.client.key".into(),
            ));
        }
        Ok(Security { grpc, https: https.flatten() })
    }
}

impl Grpc {
    fn config(&self, folder: &Path) -> Result<Option<Arc<ClientConfig>>, SecurityError> {
        let Pair { cert, key, client_cert, client_key } = &self.client;
        let (cert, key) = match client_cert.is_empty() || client_key.is_empty() {
            true => (cert, key),
            false => (client_cert, client_key),
        };
        if self.ca.is_empty() || cert.is_empty() || key.is_empty() {
            return Ok(None);
        }
        let mut config = client_config(folder, &self.ca, Some((cert, key)), Hosts::Any)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

impl HttpsClient {
    fn config(&self, folder: &Path) -> Option<Result<Option<Arc<ClientConfig>>, SecurityError>> {
        if !self.enabled {
            return None;
        }
        let pair = (!self.cert.is_empty() && !self.key.is_empty()).then_some((&*self.cert, &*self.key));
        Some(client_config(folder, &self.ca, pair, Hosts::Named).map(|config| Some(Arc::new(config))))
    }
}

/// Whose certificates are good.
enum Hosts {
    /// Any that the CA has signed: SeaweedFS does not look at names on gRPC, so that servers can share a certificate.
    Any,
    /// Those with the name or address that was asked for.
    Named,
}

fn client_config(
    folder: &Path,
    ca: &str,
    pair: Option<(&str, &str)>,
    hosts: Hosts,
) -> Result<ClientConfig, SecurityError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&folder.join(ca))? {
        roots.add(certificate).map_err(|error| at(&folder.join(ca), &error))?;
    }
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| at(folder, &error))?;
    let builder = match hosts {
        Hosts::Any => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyHost::new(Arc::new(roots), &provider))),
        Hosts::Named => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_webpki_verifier(verifier.map_err(|error| at(&folder.join(ca), &error))?)
        }
    };
    match pair {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => {
            let key = folder.join(key);
            let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| at(&key, &error))?;
            builder
                .with_client_auth_cert(certificates(&folder.join(cert))?, private)
                .map_err(|error| at(&folder.join(cert), &error))
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SecurityError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    match read() {
        Ok(none) if none.is_empty() => Err(at(path, &"it has no certificate")),
        Ok(some) => Ok(some),
        Err(error) => Err(at(path, &error)),
    }
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> SecurityError {
    SecurityError { path: path.to_owned(), text: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Security, SecurityError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("security.toml");
        fs::write(&path, text).unwrap();
        Security::from_file(&path)
    }

    #[test]
    fn what_the_example_file_sets_secures_nothing() {
        let text = "[jwt.signing]\nkey = \"\"\n[grpc]\nca = \"\"\n[grpc.client]\ncert = \"\"\nkey = \"\"\n[https.client]\nenabled = false\n";
        let security = read(text).unwrap();
        assert!(security.grpc.is_none() && security.https.is_none());
    }

    #[test]
    fn what_cannot_be_used_is_said_and_never_passed_over() {
        for (text, word) in [
            ("[grpc]\nca = \"ca.crt\"\n", "grpc.client.cert"),
            ("[grpc]\nca = \"ca.crt\"\n[grpc.client]\ncert = \"a\"\nkey = \"b\"\n", "ca.crt"),
            ("[jwt.filer_signing]\nkey = \"x\"\n", "jwt.filer_signing"),
            ("[jwt.filer_signing.read]\nkey = \"x\"\n", "jwt.filer_signing"),
            ("[https.client]\nenabled = true\nca = \"\"\n", "security.toml"),
            ("[https.client]\nenabled = true\ninsecure_skip_verify = true\n", "insecure_skip_verify"),
            ("[grpc\n", "security.toml"),
        ] {
            let error = read(text).unwrap_err().to_string();
            let folder_named = word == "security.toml";
            assert!(error.contains(word) || folder_named, "{text}: {error}");
        }
    }
}
