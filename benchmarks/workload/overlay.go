package workload

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// CopyUp is the workload that works once on each of its files, and in overlays
// alone.
const CopyUp = "copy-up"

// Overlays are the workloads of overlays, in the order in which they are
// measured. Their files are made by [PrepareOverlay].
var Overlays = []Workload{
	byOne("stat"), byOne("open-read"), byOne("create"), byOne("rename"), byOne("readdir"),
	each(CopyUp, "open for writing, write of 4 KiB, close of a file of 1 MiB that only a lower layer has", copyUpDir, copyUpFiles, startCopyUp, 1),
	seqRead64,
	byOne("walk"),
}

// byOne is a workload of List, by one worker only.
func byOne(name string) Workload {
	for _, w := range List {
		if w.Name == name {
			w.Workers = []int{1}
			return w
		}
	}
	panic("no workload " + name) // a mistake in the list above
}

// WrittenDir is where "create" and "rename" write: in an overlay it is in the
// upper layer afterwards.
const WrittenDir = "worker0"

const (
	copyUpDir   = "copy-up"
	copyUpFiles = 8
	copyUpSize  = chunk
)

func copyUpFile(part, i int) string {
	return filepath.Join(copyUpDir, strconv.Itoa(part), "f"+strconv.Itoa(i))
}

func startCopyUp(_ int, r Request) (job, error) {
	buf := make([]byte, page)
	return job{func(i int) error {
		fd, err := unix.Open(copyUpFile(r.Part, i), unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = all4K(unix.Write(fd, buf))
		return errors.Join(err, unix.Close(fd))
	}, nothing}, nil
}

// PrepareOverlay fills directories, which must be empty, with all inputs of
// [Overlays]: one with the whole tree, and lower layers whose union is the same
// tree. Each layer has all directories and an equal part of the files in each.
// Contents are the same every time.
func PrepareOverlay(whole string, lowers []string) error {
	p := newPreparation(whole)
	for _, name := range deepFiles {
		p.file(name, page)
	}
	for i := range listEntries {
		p.file(filepath.Join(listDir, fmt.Sprintf("entry-%04d", i)), 0)
	}
	p.file(filepath.Join(WrittenDir, "name"), page)
	for part := range OperationPasses {
		for i := range copyUpFiles {
			p.file(copyUpFile(part, i), copyUpSize)
		}
	}
	p.file(smallSequential.name, smallSequential.mib*chunk)
	p.archive()
	if p.err == nil {
		p.err = untar(filepath.Join(whole, archiveFile), filepath.Join(whole, sourceDir))
	}
	if p.err == nil {
		p.err = os.Remove(filepath.Join(whole, archiveFile))
	}
	if p.err == nil {
		p.err = spread(whole, "", lowers)
	}
	return p.err
}

// spread copies a directory below the whole tree into the layers, each file into
// one of them in turn.
func spread(whole, dir string, lowers []string) error {
	for _, l := range lowers {
		if err := os.MkdirAll(filepath.Join(l, dir), 0o755); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(filepath.Join(whole, dir))
	if err != nil {
		return err
	}
	for i, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			err = spread(whole, name, lowers)
		} else {
			err = copyFile(filepath.Join(whole, name), filepath.Join(lowers[i%len(lowers)], name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
