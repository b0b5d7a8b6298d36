//! Bodies as they are stored: raw DEFLATE. JSON shrinks to a third, which is write units saved.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

pub(crate) fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec cannot fail")
}

pub(crate) fn decompress(stored: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(stored.len() * 3);
    DeflateDecoder::new(stored).read_to_end(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_byte_for_byte() {
        for body in [&b""[..], b"{}", b"\xff\x00\xff", &[b'x'; 70_000]] {
            assert_eq!(decompress(&compress(body)).unwrap(), body);
        }
        assert!(decompress(b"no deflate stream").is_err());
    }
}
