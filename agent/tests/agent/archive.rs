//! Image archives, as `docker save` writes them.

use flate2::{Compression, write::GzEncoder};
use std::io::Write;

const BLOCK: usize = 512;

/// A file in a tar archive.
pub fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(BLOCK), 0);
    block
}

/// What ends an archive.
pub fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// An image with these names and one layer.
pub fn image(names: &[&str], layer: &[u8]) -> Vec<u8> {
    let manifest = serde_json::json!([{ "Config": "c.json", "RepoTags": names, "Layers": ["1/layer.tar"] }]);
    let manifest = file("manifest.json", manifest.to_string().as_bytes());
    [file("c.json", b"{}"), file("1/layer.tar", layer), manifest, end()].concat()
}

/// The same, packed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
