package admission

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/directfs/runsc/pkg/kubepolicy"
)

type groupKind struct{ group, kind string }

// templates are the objects that pods are made from, and where in them the pod's
// template is.
var templates = map[groupKind][]string{
	{"", "PodTemplate"}:           {"template"},
	{"", "ReplicationController"}: {"spec", "template"},
	{"apps", "Deployment"}:        {"spec", "template"},
	{"apps", "ReplicaSet"}:        {"spec", "template"},
	{"apps", "StatefulSet"}:       {"spec", "template"},
	{"apps", "DaemonSet"}:         {"spec", "template"},
	{"batch", "Job"}:              {"spec", "template"},
	{"batch", "CronJob"}:          {"spec", "jobTemplate", "spec", "template"},
}

// template looks at what pods will be made from. It never refuses: see the
// package comment. A template that is not to be found is the API server's
// business.
func (r Reviewer) template(req *request, path []string, v *Verdict) error {
	var o struct {
		Metadata struct {
			Name              string `json:"name"`
			GenerateName      string `json:"generateName"`
			DeletionTimestamp string `json:"deletionTimestamp"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(req.Object, &o); err != nil {
		return fmt.Errorf("request.object: %w", err)
	}
	v.Name = cmp.Or(v.Name, o.Metadata.Name, o.Metadata.GenerateName)
	after, ok, err := templateOf(req.Object, path)
	if err != nil || !ok || !r.reviewed(after) || o.Metadata.DeletionTimestamp != "" {
		return err
	}
	// Controllers write often, and nobody reads what they are warned of.
	before, ok, err := templateOf(req.OldObject, path)
	if err == nil && ok && before.Equal(after) {
		v.Outcome = Allowed
		return nil
	}
	v.conclude(r.Checker.Check(after))
	if v.Outcome == Refused {
		v.Outcome = Warned
	}
	return nil
}

func templateOf(b json.RawMessage, path []string) (p kubepolicy.Pod, ok bool, err error) {
	for _, field := range path {
		if len(b) == 0 {
			return p, false, nil
		}
		var o map[string]json.RawMessage
		if err := json.Unmarshal(b, &o); err != nil {
			return p, false, fmt.Errorf("request.object: looking for %s: %w", field, err)
		}
		b = o[field]
	}
	if len(b) == 0 || string(b) == "null" {
		return p, false, nil
	}
	p, err = kubepolicy.ParsePodObject(b)
	if err != nil {
		return p, false, fmt.Errorf("request.object: the pod's template: %w", err)
	}
	return p, true, nil
}
