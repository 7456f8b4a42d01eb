package admission_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/directfs/runsc/pkg/admission"
	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// checker is the policy without an engine.
type checker struct{ o ociconfig.Options }

func (c checker) Check(p kubepolicy.Pod) []kubepolicy.Finding { return kubepolicy.Check(p, c.o) }
func (c checker) CheckUpdate(before, after kubepolicy.Pod) []kubepolicy.Finding {
	return kubepolicy.CheckUpdate(before, after, c.o)
}

var reviewer = admission.Reviewer{RuntimeClasses: []string{"runsc", "sandboxed"}, Checker: checker{ociconfig.Options{Flag: true}}}

// answer is what the API server reads.
type answer struct {
	APIVersion, Kind string
	Response         struct {
		UID     string
		Allowed bool
		Status  struct {
			Status, Message, Reason string
			Code                    int
			Details                 struct{ Causes []struct{ Message string } }
		}
		Warnings []string
	}
}

const mount = "dev.gvisor.spec.mount."

// note is an annotation of the volume v.
func note(field, value string) string { return fmt.Sprintf("%q:%q", mount+"v."+field, value) }

// body is what is alike in a pod and a template: a configMap v at /v.
func body(class, annotations, more string) string {
	return fmt.Sprintf(`"metadata":{"name":"p","annotations":{%s}},"spec":{"runtimeClassName":%q,
		"volumes":[{"name":"v","configMap":{}}],"containers":[{"name":"c","volumeMounts":[{"name":"v","mountPath":"/v"}]}]%s}`, annotations, class, more)
}

func pod(class, annotations string) string {
	return `{"apiVersion":"v1","kind":"Pod",` + body(class, annotations, "") + `}`
}

// ask is a review of a Pod; fields replace parts of the request.
func ask(operation, object, old, fields string) string {
	if old == "" {
		old = "null"
	}
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1","kind":{"group":"","version":"v1","kind":"Pod"},
		"namespace":"n","name":"","operation":%q,"object":%s,"oldObject":%s%s}}`, operation, object, old, fields)
}

func review(t *testing.T, r admission.Reviewer, in string) (answer, admission.Verdict) {
	t.Helper()
	out, v, err := r.Review([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	if a.APIVersion != "admission.k8s.io/v1" || a.Kind != "AdmissionReview" || a.Response.UID != "u-1" {
		t.Errorf("answer is of another form: %s", out)
	}
	return a, v
}

func TestReview(t *testing.T) {
	typ, on, off, bad := note("type", "bind"), note("directfs", "on"), note("directfs", "off"), note("directfs", "maybe")
	good, wrong := typ+","+off, typ+","+bad
	bound := func(annotations, more string) string {
		return `{"kind":"Pod",` + body("runsc", annotations, `,"nodeName":"node"`+more) + `}`
	}
	const ephemeral = `,"ephemeralContainers":[{"name":"debug","volumeMounts":[{"name":"v","mountPath":"/w"},{"name":"v","mountPath":"/w"}]}]`
	deleted := strings.Replace(pod("runsc", wrong), `"name":"p"`, `"name":"p","deletionTimestamp":"2026-01-01T00:00:00Z"`, 1)
	deployment := func(class, annotations string) string {
		return `{"metadata":{"name":"d"},"spec":{"template":{` + body(class, annotations, "") + `}}}`
	}
	const ofDeployment = `,"kind":{"group":"apps","version":"v1","kind":"Deployment"}`
	const ofCronJob = `,"kind":{"group":"batch","version":"v1","kind":"CronJob"}`
	for name, tt := range map[string]struct {
		in      string
		outcome admission.Outcome
		text    string // in the message, or in a warning
	}{
		"a pod without hints":       {ask("CREATE", pod("runsc", ""), "", ""), admission.Allowed, ""},
		"a hint that counts":        {ask("CREATE", pod("runsc", good), "", ""), admission.Allowed, ""},
		"a word that is no value":   {ask("CREATE", pod("runsc", wrong), "", ""), admission.Refused, `v.directfs="maybe"`},
		"a hint alone":              {ask("CREATE", pod("runsc", off), "", ""), admission.Allowed, ""},
		"a hint of no volume":       {ask("CREATE", pod("runsc", strings.Replace(off, "mount.v.", "mount.w.", 1)), "", ""), admission.Refused, "w.type=bind"},
		"the second class":          {ask("CREATE", pod("sandboxed", wrong), "", ""), admission.Refused, "maybe"},
		"a class of others":         {ask("CREATE", pod("runc", wrong), "", ""), admission.Skipped, ""},
		"no class":                  {ask("CREATE", pod("", wrong), "", ""), admission.Skipped, ""},
		"a hint for no mount":       {ask("CREATE", pod("runsc", note("source", "/x")+","+off), "", ""), admission.Warned, "matches no mount"},
		"a deletion":                {ask("DELETE", "null", pod("runsc", wrong), ""), admission.Skipped, ""},
		"status":                    {ask("UPDATE", pod("runsc", wrong), pod("runsc", good), `,"subResource":"status"`), admission.Skipped, ""},
		"a finalizer goes":          {ask("UPDATE", deleted, pod("runsc", good), ""), admission.Skipped, ""},
		"it is born deleted":        {ask("CREATE", deleted, "", ""), admission.Refused, "maybe"},
		"nothing changes":           {ask("UPDATE", pod("runsc", wrong), pod("runsc", wrong), ""), admission.Allowed, ""},
		"it was wrong before":       {ask("UPDATE", pod("runsc", wrong+`,"a":"b"`), pod("runsc", wrong), ""), admission.Allowed, ""},
		"it becomes wrong":          {ask("UPDATE", pod("runsc", wrong), pod("runsc", good), ""), admission.Refused, "maybe"},
		"before there is a node":    {ask("UPDATE", pod("runsc", typ+","+on), pod("runsc", good), ""), admission.Allowed, ""},
		"behind its sandbox's back": {ask("UPDATE", bound(typ+","+on, ""), bound(good, ""), ""), admission.Refused, "create the pod anew"},
		"a hint is removed":         {ask("UPDATE", bound("", ""), bound(good, ""), ""), admission.Warned, "keeps the hint"},
		"a container to debug":      {ask("UPDATE", bound(good, ephemeral), bound(good, ""), `,"subResource":"ephemeralcontainers"`), admission.Allowed, ""},
		"a deployment":              {ask("CREATE", deployment("runsc", wrong), "", ofDeployment), admission.Warned, "pods of this template will be refused"},
		"a deployment that is good": {ask("CREATE", deployment("runsc", good), "", ofDeployment), admission.Allowed, ""},
		"a deployment of others":    {ask("CREATE", deployment("runc", wrong), "", ofDeployment), admission.Skipped, ""},
		"a deployment is scaled":    {ask("UPDATE", deployment("runsc", wrong), deployment("runsc", wrong), ofDeployment), admission.Allowed, ""},
		"a cron job":                {ask("CREATE", `{"spec":{"jobTemplate":{"spec":{"template":{`+body("runsc", wrong, "")+`}}}}}`, "", ofCronJob), admission.Warned, "maybe"},
		"a cron job of nothing":     {ask("CREATE", `{"spec":{}}`, "", ofCronJob), admission.Skipped, ""},
		"another kind":              {ask("CREATE", `{"data":{}}`, "", `,"kind":{"group":"","version":"v1","kind":"ConfigMap"}`), admission.Skipped, ""},
		"a Pod of another group":    {ask("CREATE", pod("runsc", wrong), "", `,"kind":{"group":"example.com","version":"v1","kind":"Pod"}`), admission.Skipped, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, v := review(t, reviewer, tt.in)
			if v.Outcome != tt.outcome || a.Response.Allowed != (tt.outcome != admission.Refused) {
				t.Errorf("%s, allowed=%t, want %s: %+v", v.Outcome, a.Response.Allowed, tt.outcome, a.Response)
			}
			text := a.Response.Status.Message + strings.Join(a.Response.Warnings, "\n")
			if tt.outcome == admission.Warned && a.Response.Status.Message != "" || tt.outcome == admission.Refused && a.Response.Status.Code != 403 {
				t.Errorf("%+v", a.Response)
			}
			if !strings.Contains(text, tt.text) || tt.text == "" && text != "" {
				t.Errorf("got %q, want %q in it", text, tt.text)
			}
			if strings.Contains(text, "directfs, ") {
				t.Errorf("a note was answered: %s", text)
			}
		})
	}
}

// Every container is looked at: those that end, sidecars, and those for debugging.
func TestEveryContainer(t *testing.T) {
	const twice = `"volumeMounts":[{"name":"v","mountPath":"/v"},{"name":"v","mountPath":"/v"}]`
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
		in := fmt.Sprintf(`{"kind":"Pod","metadata":{"annotations":{%s,%s,%s}},"spec":{"runtimeClassName":"runsc","volumes":[{"name":"v","emptyDir":{}}],%q:[{"name":"x","restartPolicy":"Always",%s}]}}`,
			note("type", "bind"), note("share", "pod"), note("directfs", "on"), list, twice)
		a, _ := review(t, reviewer, ask("CREATE", in, "", ""))
		if a.Response.Allowed || !strings.Contains(a.Response.Status.Message, `container "x"`) {
			t.Errorf("%s: %+v", list, a.Response)
		}
	}
}

func TestEveryFindingAtOnce(t *testing.T) {
	notes := []string{note("source", "relative"), note("directfs", "on"), note("cache", "none"), `"` + mount + `w.gopher":"a/b"`, `"` + mount + `v.x.directfs":"on"`}
	a, v := review(t, reviewer, ask("CREATE", pod("runsc", strings.Join(notes, ",")), "", ""))
	if len(v.Findings) < 4 || len(a.Response.Status.Details.Causes) != len(v.Findings) {
		t.Errorf("%d findings, answered: %+v", len(v.Findings), a.Response)
	}
	for _, f := range v.Findings {
		if !slices.Contains(strings.Split(a.Response.Status.Message, "\n"), f.Text) {
			t.Errorf("no line %q in %q", f.Text, a.Response.Status.Message)
		}
	}
}

func TestMalformed(t *testing.T) {
	good := ask("CREATE", pod("runsc", ""), "", "")
	for in, text := range map[string]string{
		``:          "unexpected end",
		`[]`:        "cannot unmarshal",
		good + "{}": "after top-level value",
		strings.Replace(good, "k8s.io/v1", "k8s.io/v1beta1", 1):         `apiVersion="admission.k8s.io/v1beta1"; allowed: admission.k8s.io/v1`,
		strings.Replace(good, "AdmissionReview", "Review", 1):           `kind="Review"; allowed: AdmissionReview`,
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`: "no request",
		strings.Replace(good, "u-1", "", 1):                             "request.uid is empty",
		ask("CREATE", "null", "", ""):                                   "request.object is missing",
		ask("CREATE", "1", "", ""):                                      "request.object",
		ask("CREATE", `{"kind":"Pod"}`, "", ""):                         "has no spec",
		ask("CREATE", `{"kind":"Node","spec":{}}`, "", ""):              `kind="Node"`,
		ask("UPDATE", pod("runsc", ""), "", ""):                         "request.oldObject is missing",
		ask("CREATE", `{"spec":{"containers":5}}`, "", ""):              "cannot unmarshal",
	} {
		_, _, err := reviewer.Review([]byte(in))
		if !errors.Is(err, admission.ErrMalformed) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s\ngot %v, want %q", in, err, text)
		}
	}
}

// What does not fit is counted, and cannot make the API server drop or cut what does.
func TestLongAnswers(t *testing.T) {
	var many, unmatched []string
	for i := range 400 {
		many = append(many, fmt.Sprintf(`"%sv%d.directfs":"\u001b[31m%s"`, mount, i, strings.Repeat("x", i)))
		unmatched = append(unmatched, fmt.Sprintf(`"%sv%d.directfs":"off","%sv%d.source":"/s%d"`, mount, i, mount, i, i))
	}
	a, v := review(t, reviewer, ask("CREATE", pod("runsc", strings.Join(many, ",")), "", ""))
	causes := a.Response.Status.Details.Causes
	last := causes[len(causes)-1].Message
	if len(a.Response.Status.Message) > 33<<10 || last != fmt.Sprintf("and %d more; runsc policy check --kubernetes lists them all", len(v.Findings)-len(causes)+1) {
		t.Errorf("%d bytes, at the end %q", len(a.Response.Status.Message), last)
	}
	if strings.IndexFunc(strings.ReplaceAll(a.Response.Status.Message, "\n", ""), unicode.IsControl) >= 0 {
		t.Error("the message has control characters")
	}
	a, _ = review(t, reviewer, ask("CREATE", pod("runsc", strings.Join(unmatched, ",")), "", ""))
	n := 0
	for _, w := range a.Response.Warnings {
		n += utf8.RuneCountInString(w)
	}
	if n > 4096 || len(a.Response.Warnings) < 10 || !strings.Contains(a.Response.Warnings[len(a.Response.Warnings)-1], "more; ") {
		t.Errorf("%d characters in %d warnings", n, len(a.Response.Warnings))
	}
	// One that alone is longer than everything may be.
	a, _ = review(t, reviewer, ask("CREATE", pod("runsc", note("directfs", strings.Repeat("y", 100_000))), "", ""))
	if m := a.Response.Status.Message; !strings.HasSuffix(strings.Split(m, "\n")[0], "…") || len(m) > 10_000 {
		t.Errorf("%d bytes: %.100s", len(m), m)
	}
}

// FuzzReview: any bytes are answered, or refused as malformed.
func FuzzReview(f *testing.F) {
	f.Add([]byte(ask("CREATE", pod("runsc", note("directfs", "on")), "", "")))
	f.Add([]byte(ask("UPDATE", pod("runsc", note("directfs", "on")), pod("runsc", note("directfs", "off")), "")))
	f.Add([]byte(ask("CREATE", `{"spec":{"template":{`+body("runsc", note("cache", "x"), "")+`}}}`, "", `,"kind":{"group":"apps","kind":"Deployment"}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, v, err := reviewer.Review(b)
		if (err == nil) != (out != nil) || err != nil && !errors.Is(err, admission.ErrMalformed) {
			t.Fatalf("%s, %v", out, err)
		}
		if err != nil {
			return
		}
		var a answer
		if err := json.Unmarshal(out, &a); err != nil {
			t.Fatal(err)
		}
		if a.Response.Allowed != (v.Outcome != admission.Refused) || a.Response.UID == "" || !a.Response.Allowed && a.Response.Status.Message == "" {
			t.Errorf("%s for %s", out, b)
		}
		for _, w := range a.Response.Warnings {
			if strings.IndexFunc(w, unicode.IsControl) >= 0 || !utf8.ValidString(w) {
				t.Errorf("the API server drops the warning %q", w)
			}
		}
	})
}
