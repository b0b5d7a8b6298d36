//! The bodies of an event as they are stored: the received one, then the canonical form, in one raw
//! DEFLATE stream. The two say the same things, so the second shrinks to little, and most events fit
//! into one write unit.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

pub(crate) fn compress(received: &[u8], canonical: &[u8]) -> Vec<u8> {
    let room = (received.len() + canonical.len()) / 2;
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(room), Compression::default());
    let written = encoder
        .write_all(received)
        .and_then(|()| encoder.write_all(canonical))
        .and_then(|()| encoder.finish());
    written.expect("writing to a Vec cannot fail")
}

/// The received body and the canonical form, which is empty where none was stored.
pub(crate) fn decompress(stored: &[u8], received: usize) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut both = Vec::with_capacity(stored.len() * 4);
    DeflateDecoder::new(stored).read_to_end(&mut both)?;
    if both.len() < received {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let canonical = both.split_off(received);
    Ok((both, canonical))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_members_a_body_has_they_survive(
            members in prop::collection::btree_map("\\PC{0,12}", any::<f64>(), 0..20),
            canonical: Vec<u8>,
        ) {
            let body = serde_json::to_vec(&members).unwrap();
            let stored = compress(&body, &canonical);
            prop_assert_eq!(decompress(&stored, body.len()).unwrap(), (body, canonical));
        }
    }

    #[test]
    fn bodies_come_back_byte_for_byte() {
        for received in [&b""[..], b"{}", b"\xff\x00\xff", &[b'x'; 70_000]] {
            for canonical in [&b""[..], b"{}", &[b'y'; 70_000]] {
                let stored = compress(received, canonical);
                let read = decompress(&stored, received.len()).unwrap();
                assert_eq!(read, (received.to_vec(), canonical.to_vec()));
            }
        }
        assert!(decompress(b"no deflate stream", 0).is_err());
        assert!(decompress(&compress(b"{}", b""), 3).is_err());
    }
}
