package containerd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Handler is a runtime handler of the CRI.
type Handler struct {
	Name string

	// Flags are those of the runtime. In their values $DIR is the lab's
	// directory.
	Flags map[string]string

	// Text, if not empty, is the shim's configuration file in place of what the
	// flags make of it.
	Text string

	// Type is the shim, io.containerd.runsc.v1 if it is empty. Another one gets no
	// configuration.
	Type string

	// Mounts, as in a spec, are those of the spec that every container of the
	// handler is derived from. In them $DIR is the lab's directory.
	Mounts string

	// Program is the runtime, the one under test if it is empty.
	Program string
}

const config = `version = 3
root = %q
state = %q
disabled_plugins = ["io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri"]
[grpc]
  address = %q
[plugins."io.containerd.cri.v1.images"]
  use_local_image_pull = true
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runsc"
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = %q
`

const handlerConfig = `  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.%s]
    runtime_type = %q
    pod_annotations = ["dev.gvisor.*"]
    container_annotations = ["dev.gvisor.*"]
    base_runtime_spec = %q
`

const shimConfig = `    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.%s.options]
      TypeUrl = "io.containerd.runsc.v1.options"
      ConfigPath = %q
`

// cniConfig is a bridge of the machine's own network, with ports of the host.
const cniConfig = `{"cniVersion":"1.0.0","name":"lab","plugins":[
{"type":"bridge","bridge":"cni-lab","isGateway":true,"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":"198.51.100.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
{"type":"portmap","capabilities":{"portMappings":true}}]}
`

// configure writes the files of the daemon.
func (d *Daemon) configure(tb testing.TB, handlers []Handler) {
	tb.Helper()
	text := fmt.Sprintf(config, d.Path("root"), d.Path("state"), d.Address, d.Path("cni"))
	for _, h := range handlers {
		text += fmt.Sprintf(handlerConfig, h.Name, cmp.Or(h.Type, "io.containerd.runsc.v1"), d.baseSpec(tb, h))
		if h.Type == "" {
			text += fmt.Sprintf(shimConfig, h.Name, d.Configure(h))
		}
	}
	d.Write(text, "config.toml")
	d.Write(d.cni(), "cni/10-lab.conflist")
}

func (d *Daemon) cni() string { return fmt.Sprintf(cniConfig, d.Path("ipam")) }

// baseSpec writes the spec that containers of a handler are derived from, if they
// are from one that is not containerd's own.
func (d *Daemon) baseSpec(tb testing.TB, h Handler) string {
	tb.Helper()
	if h.Mounts == "" {
		return ""
	}
	var spec map[string]any
	var mounts []any
	err := errors.Join(json.Unmarshal([]byte(d.Do(tb, "oci", "spec")), &spec), json.Unmarshal([]byte(strings.ReplaceAll(h.Mounts, "$DIR", d.Dir)), &mounts))
	if err != nil {
		tb.Fatal(err)
	}
	spec["mounts"] = append(spec["mounts"].([]any), mounts...)
	return d.writeJSON(tb, h.Name+".json", spec)
}

// Configure writes the shim's configuration file of a handler and returns its
// path.
func (d *Daemon) Configure(h Handler) string {
	text := h.Text
	if text == "" {
		lines := []string{fmt.Sprintf("binary_name = %q", cmp.Or(h.Program, d.Runsc)), "[runsc_config]"}
		for _, k := range slices.Sorted(maps.Keys(h.Flags)) {
			lines = append(lines, fmt.Sprintf("  %q = %q", k, strings.ReplaceAll(h.Flags[k], "$DIR", d.Dir)))
		}
		text = strings.Join(lines, "\n") + "\n"
	}
	return d.Write(text, h.Name+".toml")
}
