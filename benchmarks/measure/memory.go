package measure

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/runsc/harness"
)

// memoryWorkloads say what memory values are called.
var memoryWorkloads = func() (list []results.Workload) {
	for _, when := range []struct{ name, about string }{{"idle", "after the start"}, {"loaded", "after all workloads of a round"}} {
		for _, process := range []string{"sandbox", "gofer"} {
			for _, kind := range []struct{ name, about string }{{"pss", "proportional"}, {"rss", "resident"}} {
				list = append(list, results.Workload{
					Name: kind.name + "-" + process + "-" + when.name, Kind: results.Memory,
					About: fmt.Sprintf("%s set size of the %s process %s", kind.about, process, when.about),
				})
			}
		}
	}
	return list
}()

// memory returns the KiB that the sandbox and the gofer of the only container
// of the place have, by the names of memoryWorkloads.
func (l *place) memory(when string) (map[string]float64, error) {
	var c harness.Attached
	if err := c.Find(l.runtime.Root); err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for process, pid := range map[string]int{"sandbox": c.SandboxPID, "gofer": c.GoferPID} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return nil, fmt.Errorf("memory of the %s: %w", process, err)
		}
		pss, rss, err := parseRollup(string(data))
		if err != nil {
			return nil, fmt.Errorf("memory of the %s: %w", process, err)
		}
		found["pss-"+process+"-"+when] = pss
		found["rss-"+process+"-"+when] = rss
	}
	return found, nil
}

// parseRollup takes Pss and Rss, in KiB, from smaps_rollup (proc(5)).
func parseRollup(text string) (pss, rss float64, err error) {
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			if values[f[0]], err = strconv.ParseFloat(f[1], 64); err != nil {
				return 0, 0, fmt.Errorf("parse %q: %w", strings.TrimSpace(line), err)
			}
		}
	}
	pss, hasPss := values["Pss:"]
	rss, hasRss := values["Rss:"]
	if !hasPss || !hasRss {
		return 0, 0, fmt.Errorf("smaps_rollup has no Pss or no Rss")
	}
	return pss, rss, nil
}
