package volume

import (
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// handlers are the engine's, by message, but for SetStat. Which of them a mount
// has is in messageTable.
var handlers = []lisafs.RPCHandler{
	lisafs.Mount:        lisafs.MountHandler,
	lisafs.Channel:      lisafs.ChannelHandler,
	lisafs.FStat:        lisafs.FStatHandler,
	lisafs.SetStat:      setStatHandler,
	lisafs.Walk:         lisafs.WalkHandler,
	lisafs.WalkStat:     lisafs.WalkStatHandler,
	lisafs.OpenAt:       lisafs.OpenAtHandler,
	lisafs.OpenCreateAt: lisafs.OpenCreateAtHandler,
	lisafs.Close:        lisafs.CloseHandler,
	lisafs.FSync:        lisafs.FSyncHandler,
	lisafs.PWrite:       lisafs.PWriteHandler,
	lisafs.PRead:        lisafs.PReadHandler,
	lisafs.MkdirAt:      lisafs.MkdirAtHandler,
	lisafs.MknodAt:      lisafs.MknodAtHandler,
	lisafs.SymlinkAt:    lisafs.SymlinkAtHandler,
	lisafs.LinkAt:       lisafs.LinkAtHandler,
	lisafs.FStatFS:      lisafs.FStatFSHandler,
	lisafs.FAllocate:    lisafs.FAllocateHandler,
	lisafs.ReadLinkAt:   lisafs.ReadLinkAtHandler,
	lisafs.Flush:        lisafs.FlushHandler,
	lisafs.UnlinkAt:     lisafs.UnlinkAtHandler,
	lisafs.RenameAt:     lisafs.RenameAtHandler,
	lisafs.Getdents64:   lisafs.Getdents64Handler,
	lisafs.FGetXattr:    lisafs.FGetXattrHandler,
	lisafs.FSetXattr:    lisafs.FSetXattrHandler,
	lisafs.FListXattr:   lisafs.FListXattrHandler,
	lisafs.FRemoveXattr: lisafs.FRemoveXattrHandler,
	lisafs.BindAt:       lisafs.BindAtHandler,
	lisafs.RenameAt2:    lisafs.RenameAt2Handler,
}

// setStatHandler fails where the engine's succeeds, and has the failure in its
// response. With a shared cache the sentry does not look for it there, so that
// chmod(2), chown(2) and truncate(2) would succeed and change nothing
// (pkg/sentry/fsimpl/gofer/gofer.go, setStat). All that a request asks for fails
// together, so that nothing is lost.
func setStatHandler(c *lisafs.Connection, comm lisafs.Communicator, size uint32) (uint32, error) {
	size, err := lisafs.SetStatHandler(c, comm, size)
	if err != nil {
		return 0, err
	}
	var r lisafs.SetStatResp
	if _, ok := r.CheckedUnmarshal(comm.PayloadBuf(size)); ok && r.FailureMask != 0 {
		return 0, unix.Errno(r.FailureErrNo)
	}
	return size, nil
}
