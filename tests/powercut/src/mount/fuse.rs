//! The disk as the kernel asks for it.
//!
//! No write-back cache: every write arrives here when it is made. Reads may come from the kernel's page cache, which is
//! kept over opens as on any file system. `syncfs` never arrives: the kernel passes it on for virtiofs and fuseblk only,
//! and answers it by itself for others. Locks stay in the kernel.

use super::Power;
use crate::disk::{Disk, Kind, Refusal};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::{
    ffi::{OsStr, OsString},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long the kernel may believe what it was told. Nobody changes the disk behind its back.
const BELIEVED: Duration = Duration::from_secs(3600);
const FIRST: Generation = Generation(0);
const HANDLE: FileHandle = FileHandle(0);
const BLOCK: u32 = 4096;

pub(super) struct Files(pub Arc<Power>);

pub(super) fn errno(refusal: Refusal) -> Errno {
    match refusal {
        Refusal::NoEntry => Errno::ENOENT,
        Refusal::NoFolder => Errno::ENOTDIR,
        Refusal::IsFolder => Errno::EISDIR,
        Refusal::Exists => Errno::EEXIST,
        Refusal::NotEmpty => Errno::ENOTEMPTY,
        Refusal::NoSpace => Errno::ENOSPC,
    }
}

fn kind(kind: &Kind) -> FileType {
    match kind {
        Kind::File(_) => FileType::RegularFile,
        Kind::Folder { .. } => FileType::Directory,
    }
}

fn attr(disk: &Disk, ino: u64) -> Result<FileAttr, Errno> {
    let node = disk.node(ino).map_err(errno)?;
    let size = match &node.kind {
        Kind::File(file) => file.seen().len() as u64,
        Kind::Folder { .. } => 0,
    };
    let time = UNIX_EPOCH;
    Ok(FileAttr {
        ino: INodeNo(ino),
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: kind(&node.kind),
        perm: u16::try_from(node.mode & 0o7777).unwrap_or(0o600),
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    })
}

fn empty(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(reply: ReplyEntry, found: Result<FileAttr, Errno>) {
    match found {
        Ok(attr) => reply.entry(&BELIEVED, &attr, FIRST),
        Err(error) => reply.error(error),
    }
}

impl Files {
    fn make(&self, parent: INodeNo, name: &OsStr, mode: u32, is_folder: bool) -> Result<FileAttr, Errno> {
        self.0.change(|disk| {
            let ino = disk.make(parent.0, name, mode, is_folder).map_err(errno)?;
            attr(disk, ino)
        })
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.0.read(|disk| attr(disk, disk.look_up(parent.0, name).map_err(errno)?)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.read(|disk| attr(disk, ino.0)) {
            Ok(attr) => reply.attr(&BELIEVED, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let set = self.0.change(|disk| {
            size.map_or(Ok(()), |size| disk.resize(ino.0, size)).map_err(errno)?;
            mode.map_or(Ok(()), |mode| disk.set_mode(ino.0, mode)).map_err(errno)?;
            attr(disk, ino.0)
        });
        match set {
            Ok(attr) => reply.attr(&BELIEVED, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        entry(reply, self.make(parent, name, mode & !umask, true));
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: i32, reply: ReplyCreate) {
        match self.make(parent, name, mode & !umask, false) {
            Ok(attr) => reply.created(&BELIEVED, &attr, FIRST, HANDLE, FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.0.change(|disk| disk.remove(parent.0, name, false).map_err(errno)));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.0.change(|disk| disk.remove(parent.0, name, true).map_err(errno)));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let moved = self.0.change(|disk| {
            let taken = disk.look_up(newparent.0, newname).is_ok();
            match flags {
                RenameFlags::RENAME_NOREPLACE if taken => Err(Errno::EEXIST),
                flags if !(flags - RenameFlags::RENAME_NOREPLACE).is_empty() => Err(Errno::EINVAL),
                _ => disk.rename((parent.0, name), (newparent.0, newname)).map_err(errno),
            }
        });
        empty(reply, moved);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.0.read(|_| Ok(())) {
            Ok(()) => reply.opened(HANDLE, FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.0.read(|disk| {
            let bytes = disk.file(ino.0).map_err(errno)?.seen();
            let from = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
            Ok(bytes[from..bytes.len().min(from + size as usize)].to_vec())
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.0.change(|disk| disk.write(ino.0, offset, data).map_err(errno)) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, self.0.sync(ino.0, true));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, self.0.sync(ino.0, false));
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.0.read(|disk| {
            let entry =
                |(name, of): (&OsString, &u64)| disk.node(*of).ok().map(|node| (*of, kind(&node.kind), name.clone()));
            let own = [".", ".."].map(|name| (ino.0, FileType::Directory, OsString::from(name)));
            let names = disk.names(ino.0).map_err(errno)?.iter().filter_map(entry);
            Ok(own.into_iter().chain(names).collect::<Vec<_>>())
        });
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return reply.error(error),
        };
        for (at, (of, kind, name)) in (0..).zip(listed).skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(INodeNo(of), at + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let room = self.0.read(|disk| Ok((disk.capacity(), disk.capacity().saturating_sub(disk.used()))));
        match room {
            Ok((all, free)) => {
                let blocks = |bytes: u64| bytes.min(1 << 50) / u64::from(BLOCK);
                reply.statfs(blocks(all), blocks(free), blocks(free), 0, 1 << 20, BLOCK, 255, BLOCK);
            }
            Err(error) => reply.error(error),
        }
    }
}
