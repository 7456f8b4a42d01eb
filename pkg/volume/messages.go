package volume

import "gvisor.dev/gvisor/pkg/lisafs"

// messageTable says which messages of LisaFS a mount understands. One that is not
// supported is EOPNOTSUPP to the application, at once and without a message; so a
// message is left out only where that is the right answer. The others fail with
// what Linux returns: EROFS by the engine's handlers where the mount is
// read-only, and else, for a file system that cannot do it, EPERM.
var messageTable = []struct {
	when     func(*Mount) bool
	messages []lisafs.MID
}{
	{always, []lisafs.MID{
		lisafs.Mount, lisafs.Channel, lisafs.FStat, lisafs.Walk, lisafs.WalkStat,
		lisafs.OpenAt, lisafs.Close, lisafs.PRead, lisafs.Getdents64, lisafs.FStatFS,
		lisafs.FSync,
	}},

	// With EPERM for MknodAt and BindAt the sentry makes named pipes and sockets
	// of its own, in memory (pkg/sentry/fsimpl/gofer/filesystem.go, MknodAt).
	{always, []lisafs.MID{
		lisafs.SetStat, lisafs.OpenCreateAt, lisafs.PWrite, lisafs.MkdirAt, lisafs.MknodAt,
		lisafs.SymlinkAt, lisafs.LinkAt, lisafs.UnlinkAt, lisafs.RenameAt, lisafs.RenameAt2,
		lisafs.FAllocate, lisafs.BindAt,
	}},

	// Where it is missing, close(2) succeeds without a message.
	{isWritable, []lisafs.MID{lisafs.Flush}},

	{is[LinkReader], []lisafs.MID{lisafs.ReadLinkAt}},
	{is[XattrReader], []lisafs.MID{lisafs.FGetXattr, lisafs.FListXattr}},
	{is[XattrWriter], []lisafs.MID{lisafs.FSetXattr, lisafs.FRemoveXattr}},
}

func always(*Mount) bool { return true }

func isWritable(m *Mount) bool { return m.writable != nil }

// is reports whether the volume implements an optional interface.
func is[T any](m *Mount) bool {
	_, ok := m.volume.(T)
	return ok
}

// messages returns the messages that the mount understands.
func (m *Mount) messages() []lisafs.MID {
	var all []lisafs.MID
	for _, row := range messageTable {
		if row.when(m) {
			all = append(all, row.messages...)
		}
	}
	return all
}
