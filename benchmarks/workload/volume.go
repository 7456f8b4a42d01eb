package workload

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/directfs/runsc/benchmarks/results"
	"golang.org/x/sys/unix"
)

// GitStatus is the workload that the index of the repository must be fresh for:
// the first `git status` in a copy reads all files and writes the index.
const GitStatus = "git-status"

// GitIndex is the file that it writes.
const GitIndex = repositoryDir + "/.git/index"

// GitFresh fails where the index is not fresh. It is no workload to measure.
const GitFresh = "git-fresh"

const manyWorkers = 16

// Volumes are the workloads of volumes, in the order in which they are
// measured. Their files are made by [PrepareVolume].
var Volumes = []Workload{
	seqRead64,
	slow(readAll("seq-read-512", bigSequential)),
	writeAll("seq-write-64", smallSequential),
	slow(writeAll("seq-write-512", bigSequential)),
	each("stat-storm", "lstat(2) of 10,000 files in 100 directories, directory by directory: one file", treeDir, len(treeFiles), startStatTree, 1),
	each("small-files", "open, read of 4 KiB, close of 500 files, directory by directory: one file", treeDir, smallReads, startReadTree, 1, manyWorkers),
	each("import-storm", "readdir of 40 directories; stat, open, read, close of all their files, 2,000 of some KiB: one file", moduleDir, len(moduleFiles), startImportTree, 1),
	gitStatus,
}

var seqRead64 = readAll("seq-read-64", smallSequential)

var gitStatus = Workload{
	Workload: results.Workload{Name: GitStatus, Kind: results.Program, About: "`git status` on a clean repository of 2,000 files in 40 directories"},
	Workers:  []int{1}, total: 1, Tool: ToolGit, Input: repositoryDir, start: startGitStatus,
}

var gitFresh = Workload{
	Workload: results.Workload{Name: GitFresh}, Workers: []int{1}, total: 1, Tool: ToolGit,
	start: func(_ int, r Request) (job, error) { return gitJob(r, "diff-files", "--quiet") },
}

func slow(w Workload) Workload {
	w.Slow = true
	return w
}

func readAll(name string, f sequential) Workload {
	return Workload{
		Workload: results.Workload{Name: name, Kind: results.Program, About: fmt.Sprintf("open, read of %d MiB in pieces of 1 MiB, close", f.mib)},
		Workers:  []int{1}, total: 1, Input: f.name, start: func(int, Request) (job, error) { return readJob(f), nil },
	}
}

func writeAll(name string, f sequential) Workload {
	return Workload{
		Workload: results.Workload{Name: name, Kind: results.Program, About: fmt.Sprintf("create, write of %d MiB in pieces of 1 MiB, fsync, close", f.mib)},
		Workers:  []int{1}, total: 1, Writes: int64(f.mib * chunk),
		start: func(_ int, r Request) (job, error) { return writeJob(f, r.Output), nil },
	}
}

func each(name, about, input string, total int, start func(int, Request) (job, error), workers ...int) Workload {
	return Workload{
		Workload: results.Workload{Name: name, Kind: results.Operation, About: about},
		Workers:  workers, total: total, Input: input, start: start,
	}
}

func readJob(f sequential) job {
	buf := make([]byte, chunk)
	return job{func(int) error {
		file, err := os.Open(f.name)
		if err != nil {
			return err
		}
		n, err := io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{file}, buf)
		if err == nil && n != int64(f.mib*chunk) {
			err = fmt.Errorf("%s has %d bytes, want %d MiB", f.name, n, f.mib)
		}
		return errors.Join(err, file.Close())
	}, nothing}
}

// Without methods by which [io.CopyBuffer] would do without the buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

func writeJob(f sequential, name string) job {
	p := newPreparation("")
	buf := p.bytes(chunk)
	return job{func(int) error {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		for range f.mib {
			if _, err = file.Write(buf); err != nil {
				break
			}
		}
		if err == nil {
			err = file.Sync()
		}
		return errors.Join(err, file.Close())
	}, nothing}
}

func startStatTree(int, Request) (job, error) {
	var st unix.Stat_t
	return job{func(i int) error {
		if err := unix.Lstat(treeFiles[i], &st); err != nil {
			return fmt.Errorf("lstat %s: %w", treeFiles[i], err)
		}
		return nil
	}, nothing}, nil
}

func startReadTree(int, Request) (job, error) {
	buf := make([]byte, 2*page)
	return job{func(i int) error {
		n, err := readFile(treeFiles[i], buf)
		return all4K(n, err)
	}, nothing}, nil
}

func readFile(name string, buf []byte) (int, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	n, err := unix.Read(fd, buf)
	return n, errors.Join(err, unix.Close(fd))
}

// startImportTree looks at a directory before its first file, as an importer
// does (importlib, FileFinder).
func startImportTree(int, Request) (job, error) {
	buf := make([]byte, moduleMaxSize+1)
	var st unix.Stat_t
	return job{func(i int) error {
		if i%modulesInPackage == 0 {
			if _, err := os.ReadDir(packageDir(i / modulesInPackage)); err != nil {
				return err
			}
		}
		if err := unix.Stat(moduleFiles[i], &st); err != nil {
			return err
		}
		n, err := readFile(moduleFiles[i], buf)
		if err == nil && int64(n) != st.Size {
			err = fmt.Errorf("%s: read %d bytes of %d", moduleFiles[i], n, st.Size)
		}
		return err
	}, nothing}, nil
}

func startGitStatus(_ int, r Request) (job, error) { return gitJob(r, "status", "--porcelain") }

// gitJob runs a command that says nothing where the repository is clean.
func gitJob(r Request, args ...string) (job, error) {
	wd, err := os.Getwd()
	if err != nil {
		return job{}, err
	}
	return job{func(int) error {
		cmd := exec.Command(r.Tools.Git, args...)
		cmd.Dir, cmd.Env = repositoryDir, gitEnvironment(wd)
		out, err := cmd.CombinedOutput()
		if err == nil && len(out) > 0 {
			err = errors.New("the repository is not clean")
		}
		if err != nil {
			return fmt.Errorf("git %s: %w: %.300s", args[0], err, out)
		}
		return nil
	}, nothing}, nil
}
