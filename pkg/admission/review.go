package admission

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/directfs/runsc/pkg/kubepolicy"
)

const (
	apiVersion = "admission.k8s.io/v1"
	kind       = "AdmissionReview"
)

// ErrMalformed: the input is not an AdmissionReview that can be answered.
var ErrMalformed = errors.New("not an AdmissionReview that can be answered")

// review is what is read of an AdmissionReview, and what is written.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID  string `json:"uid"`
	Kind struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		Kind    string `json:"kind"`
	} `json:"kind"`
	SubResource string          `json:"subResource"`
	Name        string          `json:"name"`
	Namespace   string          `json:"namespace"`
	Operation   string          `json:"operation"`
	Object      json.RawMessage `json:"object"`
	OldObject   json.RawMessage `json:"oldObject"`
}

// Reviewer answers AdmissionReviews.
type Reviewer struct {
	// RuntimeClasses are the names of the RuntimeClasses whose pods are reviewed.
	// All others are allowed, unseen.
	RuntimeClasses []string

	// Checker says what becomes of a pod.
	Checker Checker
}

// Checker says what becomes of a pod: [kubepolicy.Problems] and
// [kubepolicy.CheckUpdate] with the options of the nodes' runtime. It is called
// by several goroutines at once.
type Checker interface {
	Check(pod kubepolicy.Pod) []kubepolicy.Finding
	CheckUpdate(before, after kubepolicy.Pod) []kubepolicy.Finding
}

// Verdict is what was decided, for logs and metrics.
type Verdict struct {
	Operation, Kind, Namespace string

	// Name is the object's, or what the API server is to generate one from.
	Name string

	// Outcome says what was done.
	Outcome Outcome

	// Findings are those that were answered with; no notes are among them.
	Findings []kubepolicy.Finding
}

// Outcome is what became of a review.
type Outcome string

const (
	// Skipped: it is not about a pod of one of the RuntimeClasses.
	Skipped Outcome = "skipped"

	// Allowed: it was checked, and its hints can be honoured.
	Allowed Outcome = "allowed"

	// Warned: it was allowed, with warnings.
	Warned Outcome = "warned"

	// Refused: it was not allowed.
	Refused Outcome = "refused"
)

// Review answers one AdmissionReview, both as JSON. The error wraps ErrMalformed
// where there is nothing to answer.
func (r Reviewer) Review(body []byte) (answer []byte, v Verdict, err error) {
	req, err := parse(body)
	if err != nil {
		return nil, Verdict{}, err
	}
	v = Verdict{Operation: req.Operation, Kind: req.Kind.Kind, Namespace: req.Namespace, Name: req.Name, Outcome: Skipped}
	template := false
	switch path := templates[groupKind{req.Kind.Group, req.Kind.Kind}]; {
	case req.Operation != "CREATE" && req.Operation != "UPDATE":
	case req.isPod():
		err = r.pod(req, &v)
	case path != nil && req.SubResource == "":
		template = true
		err = r.template(req, path, &v)
	}
	if err != nil {
		return nil, v, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	answer, err = json.Marshal(review{APIVersion: apiVersion, Kind: kind, Response: respond(req.UID, v, template)})
	return answer, v, err
}

func parse(body []byte) (*request, error) {
	var in review
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	wrong := func(key, value, allowed string) error {
		return fmt.Errorf("%w: %s=%q; allowed: %s; list v1 in admissionReviewVersions of the webhook's configuration", ErrMalformed, key, shorten(value, 100), allowed)
	}
	switch {
	case in.APIVersion != apiVersion:
		return nil, wrong("apiVersion", in.APIVersion, apiVersion)
	case in.Kind != kind:
		return nil, wrong("kind", in.Kind, kind)
	case in.Request == nil:
		return nil, fmt.Errorf("%w: it has no request", ErrMalformed)
	case in.Request.UID == "":
		return nil, fmt.Errorf("%w: request.uid is empty, so that no answer can be told from another", ErrMalformed)
	}
	return in.Request, nil
}

// isPod reports whether the request makes a pod or changes what decides: its
// annotations, or its containers by the one subresource that adds some. Status
// and binding change neither.
func (r *request) isPod() bool {
	return r.Kind.Group == "" && r.Kind.Kind == "Pod" && (r.SubResource == "" || r.SubResource == "ephemeralcontainers")
}

func (r Reviewer) pod(req *request, v *Verdict) error {
	after, err := parsePod("object", req.Object)
	if err != nil {
		return err
	}
	v.Name = cmp.Or(v.Name, after.Name())
	if !r.reviewed(after) {
		return nil
	}
	if req.Operation == "CREATE" {
		v.conclude(r.Checker.Check(after))
		return nil
	}
	// A pod that is being deleted may lose its finalizers, whatever else is wrong.
	if after.Deleted() {
		return nil
	}
	before, err := parsePod("oldObject", req.OldObject)
	if err != nil {
		return err
	}
	v.Outcome = Allowed
	if !before.Equal(after) {
		v.conclude(r.Checker.CheckUpdate(before, after))
	}
	return nil
}

func (r Reviewer) reviewed(p kubepolicy.Pod) bool {
	return slices.Contains(r.RuntimeClasses, p.RuntimeClass())
}

func parsePod(field string, b json.RawMessage) (kubepolicy.Pod, error) {
	if len(b) == 0 || bytes.Equal(b, []byte("null")) {
		return kubepolicy.Pod{}, fmt.Errorf("request.%s is missing", field)
	}
	p, err := kubepolicy.ParsePodObject(b)
	if err != nil {
		return p, fmt.Errorf("request.%s: %w", field, err)
	}
	if !p.HasSpec() {
		return p, fmt.Errorf("request.%s has no spec", field)
	}
	return p, nil
}

// conclude takes what was found of a pod.
func (v *Verdict) conclude(found []kubepolicy.Finding) {
	v.Findings = slices.DeleteFunc(found, func(f kubepolicy.Finding) bool { return f.Level == kubepolicy.Note })
	v.Outcome = Allowed
	for _, f := range v.Findings {
		if f.Level == kubepolicy.Refused {
			v.Outcome = Refused
			return
		}
		v.Outcome = Warned
	}
}
