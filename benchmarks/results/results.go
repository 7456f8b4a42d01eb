// Package results is what one run of the benchmarks measured, as it is stored:
// versioned JSON that every table, plot and verdict is computed from.
package results

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Version is that of the JSON form. It changes when a reader of the old form
// would misread the new one.
const Version = 1

// Results is one run.
type Results struct {
	Version int       `json:"version"`
	Started time.Time `json:"started"`

	// Seconds is how long the run took, without the building.
	Seconds float64 `json:"seconds"`

	// Quick is set for a run with short samples; see make bench-quick.
	Quick bool `json:"quick,omitempty"`

	// Rounds is how often everything was measured. Values with one index of two
	// series of one kind are from one round, so that they can be paired.
	Rounds int `json:"rounds"`

	Machine Machine  `json:"machine"`
	Noise   Noise    `json:"noise"`
	Skipped []string `json:"skipped,omitempty"`

	Configs   []Config       `json:"configs"`
	Workloads []Workload     `json:"workloads"`
	Series    []Series       `json:"series"`
	Policy    []PolicySeries `json:"policy,omitempty"`
}

// Machine is where the run took place, and with what.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory int64  `json:"memoryBytes"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`

	// FileSystem is the type of the one that the measured directory is on.
	FileSystem string `json:"fileSystem"`

	// Engine is the commit of gVisor that both runtimes are built from.
	Engine string `json:"engine"`
}

// Noise is what tells whether the machine had other things to do.
type Noise struct {
	// LoadBefore is the load average of the minute before the run.
	LoadBefore float64 `json:"loadBefore"`

	// StealPercent is the part of all CPU time that the hypervisor kept for
	// others during the run.
	StealPercent float64 `json:"stealPercent"`

	// Spin is how long a fixed computation without a system call took on the
	// host, in nanoseconds, at the beginning of every round.
	Spin []Value `json:"spin"`
}

// Config is one way of running a workload.
type Config struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// Workload is one thing that is measured.
type Workload struct {
	Name  string `json:"name"`
	Kind  Kind   `json:"kind"`
	About string `json:"about"`
}

// Kind says what a workload's values mean.
type Kind string

const (
	// Operation is one file operation: nanoseconds of wall time for each, over
	// all workers.
	Operation Kind = "operation"

	// OneCPU is an operation where the sandbox, its gofer and the worker share
	// one CPU. It has more than one value for each round.
	OneCPU Kind = "one-cpu"

	// Program is a job of many operations: nanoseconds for one job.
	Program Kind = "program"

	// Start is a container from start to end: nanoseconds.
	Start Kind = "start"

	// Memory is in KiB.
	Memory Kind = "memory"
)

// Series is one workload under one configuration.
type Series struct {
	Config   string  `json:"config"`
	Workload string  `json:"workload"`
	Workers  int     `json:"workers"`
	Values   []Value `json:"values"`
}

// Value is a measured number. It is stored with five significant digits, which
// no measurement here has.
type Value float64

// MarshalJSON implements [json.Marshaler].
func (v Value) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(v.rounded(), 'f', -1, 64)), nil
}

func (v Value) rounded() float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', 5, 64), 64)
	if err != nil {
		return float64(v) // not reached: it was just formatted
	}
	return f
}

// PolicySeries is what the decision costs for a number of mounts.
type PolicySeries struct {
	// Function is what was called.
	Function string `json:"function"`
	Mounts   int    `json:"mounts"`

	// Nanoseconds and Allocations are for each mount. Allocations are the same
	// every time.
	Nanoseconds []Value `json:"nsPerMount"`
	Allocations float64 `json:"allocsPerMount"`
}

// Values returns the values of a series, or nil where it was not measured.
func (r *Results) Values(config, workload string, workers int) []float64 {
	for i := range r.Series {
		s := &r.Series[i]
		if s.Config == config && s.Workload == workload && s.Workers == workers {
			return Floats(s.Values)
		}
	}
	return nil
}

// Add appends a value to its series, which is created where it is not there.
func (r *Results) Add(config, workload string, workers int, value float64) {
	for i := range r.Series {
		s := &r.Series[i]
		if s.Config == config && s.Workload == workload && s.Workers == workers {
			s.Values = append(s.Values, Value(value))
			return
		}
	}
	r.Series = append(r.Series, Series{config, workload, workers, []Value{Value(value)}})
}

// Floats converts values for computing.
func Floats(values []Value) []float64 {
	f := make([]float64, len(values))
	for i, v := range values {
		f[i] = v.rounded()
	}
	return f
}

// Read reads results, of this version only.
func Read(path string) (*Results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Results)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("%s has version %d of the results, want %d: measure again with make bench", path, r.Version, Version)
	}
	return r, nil
}

// Write stores the results as path, one series a line.
func (r *Results) Write(path string) error {
	data, err := r.encode()
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	return os.WriteFile(path, data, 0o644)
}
