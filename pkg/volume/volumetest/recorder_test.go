package volumetest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// recorder is a test whose failure is a result. What it needs from a real one,
// such as directories, is the embedded one's.
type recorder struct {
	testing.TB
	mu       sync.Mutex // guards failures and logs
	failures []string
	logs     []string
	skipped  bool
	cleanups []func()
}

// record runs a check against a backend, and returns what failed.
func record(t testing.TB, c check, b Backend) *recorder {
	t.Helper()
	return recordFunc(t, func(r *recorder) { c.run(newEnv(r, b)) })
}

func recordFunc(t testing.TB, run func(r *recorder)) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.end()
		run(r)
	}()
	<-done
	return r
}

// end runs on the goroutine of the check, after FailNow too.
func (r *recorder) end() {
	if p := recover(); p != nil {
		r.Error("panic: ", p)
	}
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Helper()          {}
func (r *recorder) Skipped() bool    { return r.skipped }
func (r *recorder) Fail()            { r.Error("failed") }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, fmt.Sprint(args...))
}

func (r *recorder) Logf(format string, args ...any) { r.Log(fmt.Sprintf(format, args...)) }

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprint(args...))
}

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

func (r *recorder) SkipNow() {
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) {
	r.Log(args...)
	r.SkipNow()
}

func (r *recorder) Skipf(format string, args ...any) { r.Skip(fmt.Sprintf(format, args...)) }

func (r *recorder) String() string { return strings.Join(r.failures, "\n") }
