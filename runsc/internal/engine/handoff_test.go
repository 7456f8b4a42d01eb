package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const planVariable = "RUNSC_DIRECTFS_PLAN"

// keepEnv restores the variables that a plan is handed over in.
func keepEnv(t *testing.T) {
	t.Setenv(planVariable, "")
	for i := range 16 {
		t.Setenv(planVariable+"_"+strconv.Itoa(i), "")
	}
}

// bigPlan does not fit in one variable however well it is compressed.
func bigPlan(t *testing.T) directfspolicy.Plan {
	t.Helper()
	r := directfspolicy.Request{Container: directfspolicy.Container{Flag: true}, Rootfs: mountFor("/", directfspolicy.DirectFS, shared)}
	for i := range 10_000 {
		// The digits of a multiplicative hash do not compress.
		m := mountFor(fmt.Sprintf("/m%d/%016x%016x", i, uint64(i)*0x9E3779B97F4A7C15, uint64(i+1)*0xC2B2AE3D27D4EB4F), accesses[i%2], caches[i%3%2])
		r.Mounts = append(r.Mounts, m)
	}
	p, err := directfspolicy.Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHandToGofer(t *testing.T) {
	keepEnv(t)
	big := bigPlan(t)
	small := planFor(t, directfspolicy.PodMember, true, directRoot, []want{lisafsWant})
	for _, p := range []directfspolicy.Plan{small, big, small} { // what a longer plan left behind does not count
		if err := engine.HandToGofer(p); err != nil {
			t.Fatal(err)
		}
		got, err := engine.TakeInGofer(nil)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("took a plan of %d mounts, want %d: %v", len(got.Decisions()), len(p.Decisions()), err)
		}
	}
	if err := engine.HandToGofer(big); err != nil {
		t.Fatal(err)
	}
	if n, _ := strconv.Atoi(os.Getenv(planVariable)); n < 2 {
		t.Errorf("the big plan takes %d variables; it does not test more than one", n)
	}
	// The kernel takes it (execve(2) limits a variable to 128 KiB).
	if err := exec.Command("/proc/self/exe", "-test.run=^$").Run(); err != nil {
		t.Error(err)
	}
}

// The plan that a gofer takes is the one that was handed over or none.
func TestTakeInGoferErrors(t *testing.T) {
	keepEnv(t)
	if err := engine.HandToGofer(bigPlan(t)); err != nil {
		t.Fatal(err)
	}
	first, second := os.Getenv(planVariable+"_0"), os.Getenv(planVariable+"_1")
	for name, env := range map[string]map[string]string{
		"no plan":        {planVariable: ""},
		"no number":      {planVariable: "x"},
		"no pieces":      {planVariable: "0"},
		"negative":       {planVariable: "-1"},
		"too many":       {planVariable: "1000000000"},
		"one too few":    {planVariable: "1"},
		"missing first":  {planVariable + "_0": ""},
		"missing second": {planVariable + "_1": ""},
		"swapped":        {planVariable + "_0": second, planVariable + "_1": first},
		"cut":            {planVariable + "_0": first[:len(first)-4]},
		"not base64":     {planVariable + "_0": "!" + first[1:]},
		"corrupt":        {planVariable + "_0": strings.Repeat("A", 400) + first[400:]},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range env {
				t.Setenv(k, v)
			}
			p, err := engine.TakeInGofer(nil)
			if err == nil || !reflect.DeepEqual(p, directfspolicy.Plan{}) {
				t.Errorf("took a plan of %d mounts: %v", len(p.Decisions()), err)
			}
		})
	}
}

// A gofer asks only where the client says so, and takes what the client
// answers or nothing.
func TestGoferAsks(t *testing.T) {
	keepEnv(t)
	if err := engine.LetGoferAsk(); err != nil {
		t.Fatal(err)
	}
	want := bigPlan(t)
	good, err := engine.EncodePlan(want)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := engine.TakeInGofer(good); err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("took a plan of %d mounts: %v", len(p.Decisions()), err)
	}
	for _, bad := range []string{"", "x", "null", "{}", string(good[:len(good)-1])} {
		p, err := engine.TakeInGofer([]byte(bad))
		if err == nil || !reflect.DeepEqual(p, directfspolicy.Plan{}) {
			t.Errorf("%.20q: took a plan of %d mounts: %v", bad, len(p.Decisions()), err)
		}
	}
}

func TestWrap(t *testing.T) {
	p := planFor(t, directfspolicy.Standalone, true, directRoot, []want{lisafsWant})
	for _, mounts := range [][]specs.Mount{nil, {}, {{Destination: "/m0", Source: "/s", Options: []string{"a", "<"}}}} {
		b, err := engine.Wrap(p, mounts)
		if err != nil {
			t.Fatal(err)
		}
		got, list, wrapped, err := engine.Unwrap(b)
		if err != nil || !wrapped || !reflect.DeepEqual(got, p) {
			t.Fatalf("wrapped=%t %v: %v", wrapped, got, err)
		}
		var back []specs.Mount
		if err := json.Unmarshal(list, &back); err != nil || len(back) != len(mounts) || len(mounts) > 0 && !reflect.DeepEqual(back, mounts) {
			t.Errorf("%v became %s: %v", mounts, list, err)
		}
		// A process that executes itself again finds a plain list.
		_, again, wrapped, err := engine.Unwrap(list)
		if err != nil || wrapped || !bytes.Equal(list, again) {
			t.Errorf("%s became %s, wrapped=%t: %v", list, again, wrapped, err)
		}
	}
}

func TestUnwrapErrors(t *testing.T) {
	p := planFor(t, directfspolicy.Standalone, true, directRoot, nil)
	b, err := engine.Wrap(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for _, s := range []string{
		"", " ", "null", "{}", `{"mounts":[]}`, `{"plan":null,"mounts":[]}`, `{"plan":{},"mounts":[]}`,
		good[:len(good)-1], good + "x", good + good,
		strings.Replace(good, `"mounts":[]`, `"mounts":null`, 1),
		strings.Replace(good, `"mounts":[]`, `"mounts":[],"x":1`, 1),
		strings.Replace(good, `"scope":"standalone"`, `"scope":"pod"`, 1),
	} {
		if s == good {
			t.Fatal("nothing replaced")
		}
		if p, list, _, err := engine.Unwrap([]byte(s)); err == nil || p.Sandbox().Raised || list != nil {
			t.Errorf("%q gives %v and %s", s, p, list)
		}
	}
}
