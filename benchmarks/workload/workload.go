// Package workload is what the benchmarks measure: file operations and small
// programs on the working directory. The same static program (cmd/worker) runs
// them inside every kind of container and natively on the host.
//
// Paths are relative to the working directory, which is the measured mount, so
// that they are equally long everywhere.
package workload

import (
	"time"

	"github.com/directfs/runsc/benchmarks/results"
)

// MaxWorkers is the greatest number of concurrent workers of the workloads in
// List.
const MaxWorkers = 8

// Workload is one thing to measure.
type Workload struct {
	results.Workload

	// Workers are the numbers of concurrent workers to measure.
	Workers []int

	// Tool, unless empty, is what the job needs from the host; see [Tools].
	Tool string

	// Slow is set for what make bench-quick has no time for.
	Slow bool

	// batch is how many operations are done between two looks at the clock.
	batch int

	// once is set for jobs that are too long to be repeated in one sample.
	once bool

	// total, unless 0, is how many operations all workers do together, each of
	// them once.
	total int

	// Input is what the names of all files that the job reads begin with. Only
	// workloads of volumes have it.
	Input string

	// Writes is the size in bytes of the file that the job writes; see
	// [Request.Output].
	Writes int64

	start func(worker int, r Request) (job, error)
}

// job is a workload that is ready to be run by one worker.
type job struct {
	// op does operation number i.
	op func(i int) error

	// stop undoes what the operations did. It is not timed.
	stop func() error
}

// The tools that jobs need.
const (
	ToolGo     = "go"
	ToolPython = "python3"
	ToolGit    = "git"
)

// Tools are programs of the host, as absolute paths that are the same inside.
type Tools struct {
	Go     string `json:"go,omitempty"`
	GOROOT string `json:"goroot,omitempty"`

	Python string `json:"python,omitempty"`

	Git string `json:"git,omitempty"`

	// Modules are what the interpreter is told to import.
	Modules []string `json:"modules,omitempty"`
}

// Request asks a worker program for one sample, as a line of JSON.
type Request struct {
	Workload string `json:"workload"`
	Workers  int    `json:"workers"`

	// Duration is about how long the sample takes. A fifth of it is spent
	// before, on warming up.
	Duration time.Duration `json:"duration"`

	Tools Tools `json:"tools"`

	// Part says which of its inputs a job takes that can use each of them once
	// only: from 0 to OperationPasses-1.
	Part int `json:"part,omitempty"`

	// Output names the file that the job writes, which must not be there.
	Output string `json:"output,omitempty"`
}

// Answer is the sample, as a line of JSON.
type Answer struct {
	// Nanoseconds are wall time divided by the operations of all workers.
	Nanoseconds float64 `json:"ns"`
	Operations  int     `json:"operations"`
	Error       string  `json:"error,omitempty"`
}

// Hello is the first line that a worker program prints.
type Hello struct {
	// Mount is the line of /proc/mounts for the working directory, empty where
	// it is no mount point.
	Mount string `json:"mount"`
}

var all = []int{1, 2, MaxWorkers}

func operation(name, about string, batch int, start func(int, Request) (job, error)) Workload {
	return Workload{
		Workload: results.Workload{Name: name, Kind: results.Operation, About: about},
		Workers:  all, batch: batch, start: start,
	}
}

func program(name, about string, start func(int, Request) (job, error)) Workload {
	return Workload{
		Workload: results.Workload{Name: name, Kind: results.Program, About: about},
		Workers:  []int{1}, batch: 1, once: true, start: start,
	}
}

// List is all workloads, in the order in which they are measured.
var List = []Workload{
	operation("stat", "stat(2) of 16 files in turn, four levels deep", 16, startStat),
	operation("open-read", "open, read of 4 KiB, close; 16 files in turn, four levels deep", 8, startOpenRead),
	operation("create", "create, write of 4 KiB, close, unlink", 1, startCreate),
	operation("rename", "rename to another name and back: two renames", 1, startRename),
	operation("readdir", "open, getdents64(2) to the end, close; 2,000 entries", 1, startReaddir),
	operation("random-read", "pread of 4 KiB from an open file of 32 MiB", 16, startRandomRead),
	operation("random-write", "pwrite of 4 KiB into an open file of 16 MiB", 16, startRandomWrite),
	operation("seq-read", "1 MiB of a sequential read of 32 MiB", 1, startSeqRead),
	operation("seq-write", "1 MiB of a sequential overwrite of 16 MiB", 1, startSeqWrite),
	operation("fsync", "pwrite of 4 KiB, fsync", 1, startFsync),
	operation("mmap-read", "map 4 MiB of a file, read a word of each page, unmap", 1, startMmap),
	walk,
	program("untar", "extract an archive of 1,000 files in 50 directories, 6 MiB", startUntar),
	withTool(program("compile", "go build of a one-file program that was just edited: compile and link, with a warm build cache", startCompile), ToolGo),
	withTool(program("import", "start python3 and import 30 modules of its library", startImport), ToolPython),
}

// walk is repeated like an operation, but is a program's work.
var walk = Workload{
	Workload: results.Workload{Name: "walk", Kind: results.Program, About: "walk a tree of 1,000 files in 50 directories: readdir and lstat"},
	Workers:  []int{1}, batch: 1, start: startWalk,
}

func withTool(w Workload, tool string) Workload {
	w.Tool, w.Slow = tool, tool == ToolGo
	return w
}

// OperationPasses is how many samples of an operation by one worker make one
// value, their median: a sample that something interrupted does not count.
const OperationPasses = 3

// Passes is how many samples make one value.
func (w Workload) Passes(workers int) int {
	if w.once || workers > 1 {
		return 1
	}
	return OperationPasses
}

// Operations returns the workloads that are one operation each.
func Operations() (list []Workload) {
	for _, w := range List {
		if w.Kind == results.Operation {
			list = append(list, w)
		}
	}
	return list
}

// Find returns the workload with the name.
func Find(name string) (Workload, bool) {
	for _, list := range [][]Workload{List, Volumes, Overlays, {gitFresh}} {
		for _, w := range list {
			if w.Name == name {
				return w, true
			}
		}
	}
	return Workload{}, false
}
