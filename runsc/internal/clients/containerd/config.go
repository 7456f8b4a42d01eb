package containerd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Handler is a runtime handler of the CRI.
type Handler struct {
	Name string

	// Flags are those of the runtime.
	Flags map[string]string

	// Text, if not empty, is the shim's configuration file in place of what the
	// flags make of it.
	Text string

	// Type is the shim, io.containerd.runsc.v1 if it is empty.
	Type string

	// BaseSpec, if not empty, is a file with the spec that every container of
	// the handler is derived from.
	BaseSpec string
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
    base_runtime_spec = %q
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.%[1]s.options]
      TypeUrl = "io.containerd.runsc.v1.options"
      ConfigPath = %[4]q
`

// cni is a bridge of the machine's own network.
const cni = `{"cniVersion":"1.0.0","name":"lab","plugins":[
{"type":"bridge","bridge":"cni-lab","isGateway":true,"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":"198.51.100.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
`

// configure writes the files of the daemon.
func (d *Daemon) configure(handlers []Handler) {
	text := fmt.Sprintf(config, d.Path("root"), d.Path("state"), d.Address, d.Path("cni"))
	for _, h := range handlers {
		kind := h.Type
		if kind == "" {
			kind = "io.containerd.runsc.v1"
		}
		text += fmt.Sprintf(handlerConfig, h.Name, kind, h.BaseSpec, d.Configure(h))
	}
	d.Write(text, "config.toml")
	d.Write(fmt.Sprintf(cni, d.Path("ipam")), "cni/10-lab.conflist")
}

// Configure writes the shim's configuration file of a handler and returns its
// path.
func (d *Daemon) Configure(h Handler) string {
	text := h.Text
	if text == "" {
		lines := []string{fmt.Sprintf("binary_name = %q", d.Runsc), "[runsc_config]"}
		for _, k := range slices.Sorted(maps.Keys(h.Flags)) {
			lines = append(lines, fmt.Sprintf("  %q = %q", k, h.Flags[k]))
		}
		text = strings.Join(lines, "\n") + "\n"
	}
	return d.Write(text, h.Name+".toml")
}
