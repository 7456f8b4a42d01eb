package volume

import (
	"context"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

const (
	usageBlock = 4096 // the unit of statfs(2) here

	// What is not known is plenty, because installers and databases refuse a
	// file system that seems to be full.
	plentyBytes = 1 << 50
	plentyFiles = 1 << 32
)

// StatFS implements lisafs.ControlFDImpl.
func (fd *controlFD) StatFS() (lisafs.StatFS, error) {
	var u Usage
	if v, ok := fd.m.volume.(UsageReporter); ok {
		var err error
		u, err = call(fd.m, op{"usage", fd.node.id, ""}, func(ctx context.Context) (Usage, error) {
			u, err := v.Usage(ctx)
			if err == nil {
				err = u.check()
			}
			return u, err
		}, nil)
		if err != nil {
			return lisafs.StatFS{}, err
		}
	}
	return fd.m.statfs(u), nil
}

func (u Usage) check() error {
	if u.Bytes != 0 && u.FreeBytes > u.Bytes || u.Files != 0 && u.FreeFiles > u.Files {
		return broken("more is free than there is: %+v", u)
	}
	return nil
}

// statfs fills in what is not known. In a read-only mount nothing is free.
func (m *Mount) statfs(u Usage) lisafs.StatFS {
	if u.Bytes == 0 {
		u.Bytes, u.FreeBytes = plentyBytes, plentyBytes
	}
	if u.Files == 0 {
		u.Files, u.FreeFiles = plentyFiles, plentyFiles
	}
	if m.options.ReadOnly {
		u.FreeBytes, u.FreeFiles = 0, 0
	}
	free := u.FreeBytes / usageBlock
	return lisafs.StatFS{
		BlockSize:       usageBlock,
		Blocks:          (u.Bytes + usageBlock - 1) / usageBlock,
		BlocksFree:      free,
		BlocksAvailable: free,
		Files:           u.Files,
		FilesFree:       u.FreeFiles,
		NameLength:      linux.NAME_MAX,
	}
}
