package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// The plain YAML is what kustomize makes of the overlays.
func TestPlainManifests(t *testing.T) {
	l := lab.New(t)
	for _, name := range []string{"own-certificate", "cert-manager"} {
		dir := filepath.Join(l.Module, "runsc/deploy/kubernetes")
		want, err := os.ReadFile(filepath.Join(dir, "runsc-"+name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		got := l.Run(t, program(t, l, "kubectl"), "kustomize", filepath.Join(dir, "overlays", name))
		_, text, _ := strings.Cut(string(want), "\n") // a remark
		if got != text {
			t.Errorf("runsc-%s.yaml is not what its overlay makes; run make manifests", name)
		}
	}
}

// What is in the manifests asks for no more than it has to.
func TestPrivileges(t *testing.T) {
	c := newCluster(t)
	c.apply(manifests(t, c.Lab))
	type list struct {
		Items []struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct {
				Template struct {
					Spec struct {
						HostNetwork, HostPID, HostIPC bool
						AutomountServiceAccountToken  *bool
						Containers                    []struct {
							SecurityContext json.RawMessage
						}
					}
				}
			}
		}
	}
	all, err := object[list](c, "-n", system, "deployment,daemonset")
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Items) != 3 {
		t.Errorf("%d objects, want a deployment and two daemon sets", len(all.Items))
	}
	for _, o := range all.Items {
		s := o.Spec.Template.Spec
		if s.HostNetwork || s.HostPID || s.HostIPC || s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken {
			t.Errorf("%s %s: %+v", o.Kind, o.Metadata.Name, s)
		}
		for _, ct := range s.Containers {
			var sc struct {
				Privileged               bool
				AllowPrivilegeEscalation *bool
				ReadOnlyRootFilesystem   bool
				Capabilities             struct{ Drop, Add []string }
			}
			if err := json.Unmarshal(ct.SecurityContext, &sc); err != nil {
				t.Fatal(err)
			}
			if sc.Privileged || sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation || !sc.ReadOnlyRootFilesystem || len(sc.Capabilities.Drop) != 1 || len(sc.Capabilities.Add) != 0 {
				t.Errorf("%s %s: %s", o.Kind, o.Metadata.Name, ct.SecurityContext)
			}
		}
	}
	// The API server says itself whether the webhook's pods are restricted.
	c.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/warn=restricted")
	r := c.Try("bash", "-c", "kubectl -n "+system+" get deployment runsc-webhook -o json | sed 's/\"namespace\": \"runsc-system\"/\"namespace\": \"default\"/' | kubectl create --dry-run=server -f -")
	if r.Code != 0 || strings.Contains(r.Stderr, "Warning") {
		t.Errorf("restricted: %s", r.All())
	}
	roles := c.kubectl("get", "clusterrolebindings,rolebindings", "-A", "-o", "jsonpath={range .items[*]}{.subjects[*].name}{\"\\n\"}{end}")
	if strings.Contains(roles, "runsc") {
		t.Errorf("a service account of the manifests is bound to a role: %s", roles)
	}
}
