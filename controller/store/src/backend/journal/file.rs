//! The journal's file: frames one behind the other, in blocks that were written when the file was made.
//!
//! A frame is a header of 24 bytes (generation, its own place in the file, length of what it carries, CRC-32 of these three
//! and of what it carries; little-endian) and what it carries, filled up with zeros to eight bytes. A frame of another
//! generation is none: so the file is used again from its beginning without being emptied.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};
use wharden_runtime::fsync::{sync_and_reread, sync_dir};

const HEADER: usize = 24;
/// Frames begin at multiples of this.
const ALIGN: usize = 8;

/// A frame before the last one does not match its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is damaged at byte {0}, before what was written last")]
pub(super) struct Damaged(usize);

/// One generation of frames, written at its end.
pub(super) struct File {
    file: fs::File,
    size: usize,
    generation: u64,
    end: usize,
}

impl File {
    /// Makes the file, or makes it anew: zeros on the disk, and its name too.
    pub(super) fn make(path: &Path, size: usize) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all_at(&vec![0; size], 0)?;
        file.sync_all()?;
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// Opens the file. What it carries in `generation` is read by [`File::frames`]; writing begins with [`File::begin`].
    pub(super) fn open(path: &Path, size: usize) -> io::Result<Self> {
        sync_and_reread(path)?;
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() != size as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the journal has not the size it was made with"));
        }
        Ok(Self { file, size, generation: 0, end: 0 })
    }

    /// What the frames of a generation carry, in the order in which they were written.
    ///
    /// Each was on the disk before the next was begun. So only the last can be there in part, after a crash, and was then
    /// never acknowledged; one that is followed by another was, and must be whole.
    pub(super) fn frames(&self, generation: u64) -> io::Result<Result<Vec<Vec<u8>>, Damaged>> {
        let mut bytes = vec![0; self.size];
        self.file.read_exact_at(&mut bytes, 0)?;
        let (mut frames, mut at) = (Vec::new(), 0);
        while let Some(carried) = frame(&bytes, at, generation) {
            frames.push(carried.to_vec());
            at += taken(carried.len());
        }
        let later = (at..self.size).step_by(ALIGN).skip(1).any(|later| frame(&bytes, later, generation).is_some());
        Ok(if later { Err(Damaged(at)) } else { Ok(frames) })
    }

    /// From here on frames are of this generation, from the file's beginning on.
    pub(super) fn begin(&mut self, generation: u64) {
        (self.generation, self.end) = (generation, 0);
    }

    /// Whether a frame that carries so many bytes has a place.
    pub(super) fn has_room(&self, carried: usize) -> bool {
        self.end + taken(carried) <= self.size
    }

    /// Returns when the frame is on the disk: no block is new and no size changes, so the file system has nothing to write
    /// besides.
    pub(super) fn append(&mut self, carried: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(taken(carried.len()));
        frame.extend_from_slice(&self.generation.to_le_bytes());
        frame.extend_from_slice(&(self.end as u64).to_le_bytes());
        let length = u32::try_from(carried.len()).map_err(io::Error::other)?;
        frame.extend_from_slice(&length.to_le_bytes());
        let crc = crc(&frame, carried);
        frame.extend_from_slice(&crc.to_le_bytes());
        frame.extend_from_slice(carried);
        frame.resize(taken(carried.len()), 0);
        self.file.write_all_at(&frame, self.end as u64)?;
        self.file.sync_data()?;
        self.end += frame.len();
        Ok(())
    }
}

/// Bytes of a frame in the file.
fn taken(carried: usize) -> usize {
    (HEADER + carried).next_multiple_of(ALIGN)
}

fn crc(header: &[u8], carried: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(carried);
    crc.finalize()
}

/// What the frame at this place carries, if there is one of this generation.
fn frame(bytes: &[u8], at: usize, generation: u64) -> Option<&[u8]> {
    let (header, rest) = bytes.get(at..)?.split_at_checked(HEADER)?;
    let (checked, sum) = header.split_last_chunk::<4>()?;
    let (checked, length) = (checked, checked.last_chunk::<4>()?);
    let (its_generation, its_place) = checked[..16].split_first_chunk::<8>()?;
    if u64::from_le_bytes(*its_generation) != generation || its_place != (at as u64).to_le_bytes() {
        return None;
    }
    let carried = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (crc(checked, carried) == u32::from_le_bytes(*sum)).then_some(carried)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 512;

    fn written(path: &Path, generation: u64, frames: &[&[u8]]) {
        let mut file = File::open(path, SIZE).expect("opens");
        file.begin(generation);
        for carried in frames {
            assert!(file.has_room(carried.len()));
            file.append(carried).expect("appended");
        }
    }

    fn read(path: &Path, generation: u64) -> Result<Vec<Vec<u8>>, Damaged> {
        File::open(path, SIZE).expect("opens").frames(generation).expect("reads")
    }

    #[test]
    fn frames_come_back_in_order_and_those_of_another_generation_do_not() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("journal");
        File::make(&path, SIZE).expect("made");
        assert_eq!(read(&path, 1), Ok(vec![]));
        assert_eq!(read(&path, 0), Ok(vec![]), "zeros are no frame");
        written(&path, 1, &[b"a", b"", b"ccccccccc", &[7; 64]]);
        assert_eq!(read(&path, 1), Ok(vec![b"a".to_vec(), vec![], b"ccccccccc".to_vec(), vec![7; 64]]));
        written(&path, 2, &[b"z"]);
        assert_eq!(read(&path, 2), Ok(vec![b"z".to_vec()]), "what is behind it is of the generation before");
        let mut file = File::open(&path, SIZE).expect("opens");
        file.begin(3);
        assert!(file.has_room(SIZE - HEADER) && !file.has_room(SIZE - HEADER + 1));
        file.append(&[9; SIZE - HEADER]).expect("fits");
        assert!(!file.has_room(0));
        assert_eq!(read(&path, 3), Ok(vec![vec![9; SIZE - HEADER]]));
        fs::write(&path, [0; SIZE - 1]).expect("cut");
        assert!(File::open(&path, SIZE).is_err());
    }

    #[test]
    fn each_damaged_byte_ends_the_frames_if_it_is_of_the_last_and_is_named_if_it_is_not() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("journal");
        File::make(&path, SIZE).expect("made");
        let frames: [&[u8]; 3] = [b"first", b"second frame", b"third"];
        written(&path, 9, &frames);
        let whole = fs::read(&path).expect("reads");
        let ends: Vec<_> = frames
            .iter()
            .scan(0, |end, carried| {
                *end += taken(carried.len());
                Some(*end)
            })
            .collect();
        for at in 0..SIZE {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, bytes).expect("damaged");
            let place = ends.iter().position(|end| at < *end);
            let begin = |number: usize| ends[number] - taken(frames[number].len());
            let is_filling = place.is_some_and(|number| at >= begin(number) + HEADER + frames[number].len());
            let expected = match place {
                Some(number) if !is_filling && number < 2 => Err(Damaged(begin(number))),
                Some(2) if !is_filling => Ok(vec![frames[0].to_vec(), frames[1].to_vec()]),
                _ => Ok(frames.iter().map(|carried| carried.to_vec()).collect()),
            };
            assert_eq!(read(&path, 9), expected, "byte {at}");
        }
    }
}
