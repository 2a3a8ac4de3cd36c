//! What an archive is packed with, told by its first bytes as the Engine tells it.

/// The packers that the Engine undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// None: the archive itself.
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    /// Bytes that have to be there before it can be told.
    pub const SEEN: usize = 10;

    /// Of what begins so. Fewer bytes than [`Packing::SEEN`] are all there is.
    pub fn of(first: &[u8]) -> Self {
        // Frames of zstd that are skipped have one of sixteen first bytes.
        let is_skipped = matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        match first {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ if is_skipped => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// The command that undoes it, for people.
    pub const fn undone_by(self) -> &'static str {
        match self {
            Self::Plain => "cat",
            Self::Gzip => "gzip -dc",
            Self::Bzip2 => "bzip2 -dc",
            Self::Xz => "xz -dc",
            Self::Zstd => "zstd -dc",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packers_are_known_by_their_first_bytes() {
        for (first, packing) in [
            (&b"\x1f\x8b\x08\0\0"[..], Packing::Gzip),
            (b"BZh91AY", Packing::Bzip2),
            (b"\xfd7zXZ\0\0", Packing::Xz),
            (b"\x28\xb5\x2f\xfd\x04", Packing::Zstd),
            (b"\x57\x2a\x4d\x18", Packing::Zstd),
            (b"manifest.json", Packing::Plain),
            // Not compressed in the one way that gzip knows: the Engine takes it for a tar archive, which it is not.
            (b"\x1f\x8b\x07", Packing::Plain),
            (b"", Packing::Plain),
        ] {
            assert_eq!(Packing::of(first), packing, "{first:?}");
        }
    }
}
