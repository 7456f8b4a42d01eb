package kubepolicy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

func parse(t *testing.T, b []byte) kubepolicy.Pod {
	t.Helper()
	p, err := kubepolicy.ParsePod(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A pod that has a sandbox keeps what it was started with.
func TestCheckUpdate(t *testing.T) {
	const configMap = `,"configMap":{}`
	typ, on, off, share := vkey("type", "bind"), vkey("directfs", "on"), vkey("directfs", "off"), vkey("share", "pod")
	const node = `"nodeName":"n"`
	for _, tt := range []struct {
		name, before, after string
		unbound             bool
		level               kubepolicy.Level
		text                string
	}{
		{"other value", typ + "," + off, typ + "," + on, false, kubepolicy.Refused, "create the pod anew"},
		{"other value, no sandbox yet", typ + "," + off, typ + "," + on, true, "", ""},
		{"a hint without a source", "", typ + "," + off, false, kubepolicy.Refused, "names no mount source; add"},
		{"a hint goes", typ + "," + off, typ, false, kubepolicy.Warning, "keeps the hint"},
		{"nothing about hints", typ + "," + off, typ + "," + off + `,"a":"b"`, false, "", ""},
		{"was refused already", off, off + `,"a":"b"`, false, "", ""},
		{"share alone", typ + "," + off, typ + "," + off + "," + share, false, "", ""},
	} {
		before, after := pod(configMap, tt.before), pod(configMap, tt.after)
		if !tt.unbound {
			before, after = strings.Replace(before, `"spec":{`, `"spec":{`+node+`,`, 1), strings.Replace(after, `"spec":{`, `"spec":{`+node+`,`, 1)
		}
		found := kubepolicy.CheckUpdate(parse(t, []byte(before)), parse(t, []byte(after)), ociconfig.Options{Flag: true})
		found = slices.DeleteFunc(found, func(f kubepolicy.Finding) bool { return f.Level == kubepolicy.Note })
		ok := len(found) == 0
		if tt.level != "" {
			ok = slices.ContainsFunc(found, func(f kubepolicy.Finding) bool { return f.Level == tt.level && strings.Contains(f.Text, tt.text) })
		}
		if !ok {
			t.Errorf("%s: %+v", tt.name, found)
		}
	}
}

// What would take long to check is refused, in words.
func TestLimits(t *testing.T) {
	for name, b := range map[string][]byte{
		"501 containers":       large(501, 1, 0, ""),
		"work":                 large(200, 10, 600, `directfs":"off`),
		"pairs of containers":  large(100, 20, 20, `cache":"exclusive`),
		"in an update as well": large(501, 1, 1, `directfs":"off`),
	} {
		p := parse(t, b)
		found := append(kubepolicy.Check(p, ociconfig.Options{}), kubepolicy.CheckUpdate(kubepolicy.Pod{}, p, ociconfig.Options{})...)
		if !slices.ContainsFunc(found, func(f kubepolicy.Finding) bool {
			return f.Level == kubepolicy.Refused && strings.HasPrefix(f.Text, "pod: too large to check: ")
		}) {
			t.Errorf("%s: %d findings, and none is about the size", name, len(found))
		}
	}
	for _, f := range kubepolicy.Check(parse(t, large(40, 20, 10, `cache":"shared`)), ociconfig.Options{}) {
		if f.Level == kubepolicy.Refused {
			t.Errorf("a pod as they are: %s", f.Text)
		}
	}
}

// A sidecar, a container that ends and one for debugging join the sandbox too.
func TestContainersOfAllKinds(t *testing.T) {
	const text = `{"metadata":{"annotations":{%s,%s,%s}},"spec":{"runtimeClassName":"runsc","volumes":[{"name":"v","emptyDir":{}}],
		"initContainers":[{"name":"first",%[4]s},{"name":"side","restartPolicy":"Always",%[4]s}],"ephemeralContainers":[{"name":"debug",%[4]s}]}}`
	b := fmt.Appendf(nil, text, vkey("type", "bind"), vkey("share", "pod"), vkey("directfs", "on"), `"volumeMounts":[{"name":"v","mountPath":"/v"}]`)
	p := parse(t, b)
	if p.RuntimeClass() != "runsc" {
		t.Errorf("class %q", p.RuntimeClass())
	}
	if found := kubepolicy.Check(p, ociconfig.Options{Flag: true}); len(found) == 0 || !strings.Contains(found[0].Text, `container "first"`) {
		t.Errorf("%+v", found)
	}
	b = []byte(strings.ReplaceAll(string(b), vkey("share", "pod"), vkey("share", "shared")))
	var names []string
	for _, f := range kubepolicy.Check(parse(t, b), ociconfig.Options{Flag: true}) {
		if strings.Contains(f.Text, ": /v: directfs") {
			names = append(names, strings.Fields(f.Text)[1])
		}
	}
	if want := []string{`"first":`, `"side":`, `"debug":`}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}
