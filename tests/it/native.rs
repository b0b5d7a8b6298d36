//! Receivers as the source systems' documents tell their customers to write them: each looks at its own
//! system's headers and the raw body, and knows nothing of ours.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::receiver::Webhook;

fn hex_mac(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// <https://docs.thatsme.com.br/en/api/v1/webhooks/verify-signature>: `t=<seconds>,v1=<hex>`, the MAC of
/// `<seconds>.<body>`.
pub(crate) fn thatsme_accepts(webhook: &Webhook, secret: &str) -> bool {
    let header = webhook.header("x-tm-signature");
    let parts = header
        .strip_prefix("t=")
        .and_then(|it| it.split_once(",v1="));
    let Some((time, mac)) = parts else {
        return false;
    };
    hex_mac(secret, &[time.as_bytes(), b".", &webhook.body]) == mac
}

/// <https://docs.vec.digital/guides/webhooks/>: the hexadecimal MAC of the body.
pub(crate) fn vec_accepts(webhook: &Webhook, secret: &str) -> bool {
    hex_mac(secret, &[&webhook.body]) == webhook.header("x-webhook-signature")
}

/// <https://docs.credentials.certdirectory.io/api/webhooks/>: the MAC of the body, hexadecimal here.
pub(crate) fn certdirectory_accepts(webhook: &Webhook, secret: &str) -> bool {
    hex_mac(secret, &[&webhook.body]) == webhook.header("x-certdirectory-signature")
}

/// Fails unless a text is written as a UUID.
#[track_caller]
pub(crate) fn assert_uuid(text: &str) {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{text}");
    let hex = text.replace('-', "");
    assert!(hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
}
