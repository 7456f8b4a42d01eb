// Package blob serves a volume from a bucket of an object store, by way of
// gocloud.dev/blob.
//
// # What is stored
//
// An object is a file; its key, after Config.Prefix, is its path. A directory is
// an empty object whose key ends with a slash, or exists because objects are below
// it. When the last name of such a directory goes, the volume makes the empty
// object, so that the directory stays until rmdir(2).
//
// Uploads add the metadata key "runsc-upload", by which an upload is recognised
// when its answer was lost, and with Config.KeepTimes "mtime". Other metadata and
// the content type of an object that is overwritten are kept.
//
// # What is promised
//
// Writes go to a file in Config.Dir. Sync and Flush, which are fsync(2) and
// close(2), upload the whole object if anything was changed, and then ask the store
// for it: after nil, the object is there and complete. After an error the file
// stays as it is, and the next Sync or Flush tries again. So does the volume itself,
// from Config.RetryAfter on, once the file is closed. Where the caller's time
// ends before the upload does, the upload goes on and the next call joins it.
// Nothing else is acknowledged: a crash loses at most what was never synced or
// closed, and leaves it in Config.Dir for Recover.
//
// Writers are not held up by an upload. What they write meanwhile is in the next
// one, and the object may have some of it, as after a crash of any file system.
//
// Other writers of the bucket are noticed, not merged. An upload of an object that
// somebody else made, changed or removed since this volume read it is ESTALE, and so is
// one that somebody else replaced before the store was asked for it; the
// content stays staged, and after the last close in Config.Dir as a conflict. With
// Config.IfMatch, and for new files, the store checks that itself; otherwise it is
// looked up right before, which leaves a moment. An object that was replaced is a
// new file: what is open goes on with the old content, or gets ESTALE if that is
// read in ranges. Listings and attributes may be as old as Config.ListTTL and the time
// that the store took. Who reads a directory on sees it as it was at the beginning.
//
// # What a file operation does
//
//	read, stat, readdir   yes, see below for impossible names
//	mmap, exec            up to CacheObjectBytes; Dir must not be on a mount with noexec
//	create, O_EXCL        yes; against other writers only when the file is uploaded
//	write, append         yes; changing one byte of a large object downloads it and uploads all
//	truncate(2)           uploads at once unless the file is open for writing
//	fsync, close          upload; the error is the upload's
//	rename, file          copy and delete: not atomic, a crash can leave both names
//	rename, directory     object by object up to RenameObjects, EXDEV above; not atomic
//	unlink, rmdir         yes; what is open stays readable
//	link, symlink, mknod  not supported
//	chmod, chown          EPERM, except to what the file has: Config.FileMode, UID, GID
//	mode of a new file    accepted and not kept
//	utimes                with KeepTimes: the modification time, by a new upload; without:
//	                      EPERM except for the present (touch). Never for directories, for an
//	                      access time alone, or for what is larger than CacheObjectBytes and clean
//	statfs                the space for staged files: a bucket has no size
//	xattr                 not supported
//
// A file's time is that of its upload in whole seconds unless KeepTimes is set, so
// that tar and cp -p complain without it, and rsync -t transfers again.
//
// A store may refuse to copy what is very large: on S3, a rename of a file of more
// than 5 GB fails with EIO unless it has changes that are not uploaded.
//
// A directory that is renamed while its objects are deleted in vain is there
// twice, which is an error. It is ESTALE, and nothing is moved, where another writer
// changes an object meanwhile. A rename of a file over another one replaces it
// whatever another writer did to it; if another writer replaces the copy at once, that
// is ESTALE, and the file keeps its name. A file that another writer was faster to
// make is removed or renamed without the other's object, which has the name then.
//
// # Names that no path can have
//
// Keys with an empty component, ".", "..", a zero byte, bytes that are not UTF-8, or
// a component of more than 255 bytes, an object beside a directory of its name, and
// a directory's object with content are shown under a name that has "~object-" and
// a hash of the key in it. They can be read, written, renamed and removed by that name. Other files
// cannot be given such a name (EINVAL), nor one with a control character other than
// tab and newline, which S3 could not list. Audit lists them.
//
// # What is bounded
//
// CacheBytes bounds the whole objects on disk, those in use included: where no more
// fits, objects are read in ranges without the cache. StageBytes bounds files that
// are written until they are closed, and what crashes left: above it, and where
// StageRoom says so, ENOSPC. A full disk is the same. Of these files there may be one
// for each 4 KiB of StageBytes, and a thousand. MemoryBytes bounds the buffers of
// ranged reads, of which one that goes through a file uses up to 17 MiB; where more
// of them are read at once than fit, less is fetched ahead. Requests times PartBytes
// bounds the buffers of uploads; a download into the cache has less than 1 MiB of its
// own. ListEntries bounds what is remembered of directories; a directory with more is
// EFBIG to list. For each
// file that the process makes, renames or removes it remembers some 20 to 200 bytes.
//
// # Errors
//
// A *StoreError is ENOENT, EACCES, ESTALE or a deadline where the store says so, and
// EIO for everything else, including an object that has not the length that was
// announced.
package blob
