package volumed

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/metrics"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"github.com/google/subcommands"
	"github.com/prometheus/client_golang/prometheus"
)

var update = flag.Bool("update", false, "write the blocks of docs/volumed.md")

const document = "../../../../../docs/volumed.md"

// block is a part of the document that is written by this test.
var block = regexp.MustCompile(`(?s)<!-- from volumed: ([a-z ]+) -->\n(.*?)<!-- end -->`)

func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]func(*testing.T) string{
		"settings": func(*testing.T) string { return keys(reflect.TypeFor[settings.Settings]()) },
		"volume":   func(*testing.T) string { return keys(reflect.TypeFor[settings.Volume]()) },
		"serve":    func(*testing.T) string { return flags(new(serve)) },
		"check":    func(*testing.T) string { return flags(new(check)) },
		"metrics":  metricsTable,
	}
	var seen []string
	want := block.ReplaceAllStringFunc(string(text), func(old string) string {
		name := block.FindStringSubmatch(old)[1]
		write := blocks[name]
		if write == nil {
			t.Fatalf("nothing writes %q", name)
		}
		seen = append(seen, name)
		return fmt.Sprintf("<!-- from volumed: %s -->\n%s<!-- end -->", name, write(t))
	})
	if len(seen) != len(blocks) {
		t.Errorf("the document has only the blocks %q", seen)
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatal("docs/volumed.md is not what the code says; run: go test ./internal/volumed -run TestDocument -update")
	}
	if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// keys is a table of the keys of a part of the file, with their defaults.
func keys(of reflect.Type) string {
	var b strings.Builder
	b.WriteString("| key | default | meaning |\n| --- | --- | --- |\n")
	for i := range of.NumField() {
		f := of.Field(i)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", settings.Key(f), defaultOf(f), f.Tag.Get("doc"))
	}
	return b.String()
}

// same are the fields of settings that have another name in the package blob.
var same = map[string]string{"CacheSize": "CacheBytes", "CacheObjectSize": "CacheObjectBytes", "StagedSize": "StageBytes",
	"MemorySize": "MemoryBytes", "PartSize": "PartBytes", "PrefetchObjectSize": "PrefetchObjectBytes"}

func defaultOf(f reflect.StructField) string {
	name := f.Name
	if other := same[name]; other != "" {
		name = other
	}
	v := reflect.ValueOf(blob.DefaultConfig).FieldByName(name)
	switch {
	case f.Name == "Memory":
		return defaultMemory.String()
	case f.Name == "StagedTotal":
		return fmt.Sprintf("%d times `staged-size`", stagedTotals)
	case f.Name == "Drain":
		return "30s"
	case !v.IsValid() || v.IsZero() || v.Kind() == reflect.Bool:
		return ""
	case v.Type().ConvertibleTo(f.Type) && f.Type.Kind() != reflect.String:
		v = v.Convert(f.Type)
	}
	if m, ok := v.Interface().(settings.Mode); ok {
		text, _ := m.MarshalText()
		return string(text)
	}
	return fmt.Sprint(v.Interface())
}

func flags(c subcommands.Command) string {
	set := flag.NewFlagSet(c.Name(), flag.ContinueOnError)
	c.SetFlags(set)
	var b strings.Builder
	b.WriteString("| flag | default | meaning |\n| --- | --- | --- |\n")
	set.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		usage, _, _ = strings.Cut(usage, " (default: /var")
		if value != "" {
			value = "=" + value
		}
		fmt.Fprintf(&b, "| `--%s%s` | %s | %s |\n", f.Name, value, f.DefValue, usage)
	})
	return b.String()
}

func metricsTable(t *testing.T) string {
	c, err := metrics.NewCollector(t.TempDir()+"/counts", nil)
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan *prometheus.Desc, 100)
	c.Describe(all)
	for _, own := range newEvents(nil).collectors() {
		own.Describe(all)
	}
	close(all)
	form := regexp.MustCompile(`fqName: "(.*?)", help: "(.*?)".*variableLabels: \{(.*?)\}`)
	var rows []string
	for d := range all {
		m := form.FindStringSubmatch(d.String())
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", m[1], strings.ReplaceAll(m[3], ",", ", "), m[2]))
	}
	slices.Sort(rows)
	return "| metric | labels | meaning |\n| --- | --- | --- |\n" + strings.Join(rows, "")
}

// The example of a configuration is one.
func TestDocumentExample(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) == 0 {
		t.Fatal("there is no example")
	}
	for _, e := range examples {
		s, err := settings.Parse(e[1])
		if err == nil {
			err = s.Check()
		}
		if err != nil {
			t.Errorf("%v:\n%s", err, e[1])
		}
	}
}
