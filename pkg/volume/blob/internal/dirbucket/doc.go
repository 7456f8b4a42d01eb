// Package dirbucket keeps a bucket in a directory of the host that others may
// change while it is used, and that they may want to lead elsewhere.
//
// Files are those of gocloud.dev/blob/fileblob: the same names, and the same
// sidecars with attributes, so that each can read what the other wrote. That
// package follows symbolic links, and opens whatever has an object's name. Here
// every path is resolved by openat2(2) from the directory itself, without links, and
// only regular files are objects. A private mount without links (nosymfollow) would
// need privileges that the daemon of a user does not have, and os.Root follows links
// that stay below it, which lead from the prefix of one volume into that of another.
//
// Links, FIFOs, sockets and devices are not listed. To use one is ErrLink or
// ErrSpecial, and nothing of it is opened.
package dirbucket
