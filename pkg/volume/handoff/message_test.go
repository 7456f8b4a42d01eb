package handoff

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

var plain = Request{Volume: "photos", Container: "c1", Sandbox: "s1", Mount: "/data"}

func TestHeader(t *testing.T) {
	long := strings.Repeat("x", 4097)
	for name, test := range map[string]struct {
		change func(*Header)
		want   string // in the error; none: the header is valid
	}{
		"ask":              {func(h *Header) {}, ""},
		"attach":           {func(h *Header) { h.Operation, h.ReadOnly, h.Exclusive = OpAttach, true, true }, ""},
		"root":             {func(h *Header) { h.Operation, h.Root = OpAttach, true }, ""},
		"rootfs":           {func(h *Header) { h.Mount = "/" }, ""},
		"odd mount":        {func(h *Header) { h.Mount = "/a b\n\"<ü" }, ""},
		"longest":          {func(h *Header) { h.Mount, h.Volume = long[:0]+"/"+long[:4095], long[:255] }, ""},
		"no operation":     {func(h *Header) { h.Operation = "" }, "operation"},
		"other operation":  {func(h *Header) { h.Operation = "detach" }, "operation"},
		"ask for root":     {func(h *Header) { h.Root = true }, "root"},
		"no volume":        {func(h *Header) { h.Volume = "" }, "volume is empty"},
		"no container":     {func(h *Header) { h.Container = "" }, "container is empty"},
		"no sandbox":       {func(h *Header) { h.Sandbox = "" }, "sandbox is empty"},
		"no mount":         {func(h *Header) { h.Mount = "" }, "mount is empty"},
		"long volume":      {func(h *Header) { h.Volume = long[:256] }, "256 bytes"},
		"long container":   {func(h *Header) { h.Container = long[:1025] }, "1025 bytes"},
		"long sandbox":     {func(h *Header) { h.Sandbox = long[:1025] }, "1025 bytes"},
		"long mount":       {func(h *Header) { h.Mount = "/" + long[:4096] }, "4097 bytes"},
		"volume's control": {func(h *Header) { h.Volume = "a\x1b" }, "printable"},
		"not UTF-8":        {func(h *Header) { h.Mount = "/\xff" }, "UTF-8"},
		"relative mount":   {func(h *Header) { h.Mount = "data" }, "absolute"},
		"mount not clean":  {func(h *Header) { h.Mount = "/data/" }, "clean"},
		"mount with dots":  {func(h *Header) { h.Mount = "/data/../x" }, "clean"},
	} {
		t.Run(name, func(t *testing.T) {
			h := Header{Operation: OpAsk, Request: plain}
			test.change(&h)
			message, err := h.Encode()
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("the error is %v, want %q", err, test.want)
				}
				return
			}
			if err != nil || len(message) > MaxMessage {
				t.Fatalf("%d bytes, %v", len(message), err)
			}
			if again, err := DecodeHeader(message); err != nil || again != h {
				t.Errorf("%s is read as %+v, %v", message, again, err)
			}
		})
	}
}

func TestDecodeHeader(t *testing.T) {
	const rest = `"operation":"ask","volume":"v","container":"c","sandbox":"s","mount":"/"`
	for name, test := range map[string]struct{ in, want string }{
		"not JSON":       {"hello", "message"},
		"empty":          {"", "message"},
		"an array":       {"[]", "message"},
		"half":           {`{"version":1,` + rest, "message"},
		"two":            {`{"version":1,` + rest + `}{}`, "after top-level value"},
		"unknown field":  {`{"version":1,"path":"/etc",` + rest + `}`, "path"},
		"no version":     {`{` + rest + `}`, "version 0"},
		"later version":  {`{"version":2,"mode":"new"}`, "version 2 of the hand-off protocol, this one version 1"},
		"wrong type":     {`{"version":1,"readOnly":"yes",` + rest + `}`, "readOnly"},
		"version's type": {`{"version":"1",` + rest + `}`, "version"},
		"not UTF-8":      {`{"version":1,"volume":"` + "\xff" + `"}`, "UTF-8"},
		"too long":       {`{"version":1,` + rest + `}` + strings.Repeat(" ", MaxMessage), "at most 65536"},
		"invalid":        {`{"version":1}`, "operation"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := DecodeHeader([]byte(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) || h != (Header{}) {
				t.Errorf("%+v, %v; want an error with %q", h, err, test.want)
			}
		})
	}
}

func TestVersionError(t *testing.T) {
	_, err := DecodeHeader([]byte(`{"version":7}`))
	var version *VersionError
	if !errors.As(err, &version) || *version != (VersionError{Ours: 1, Theirs: 7}) {
		t.Errorf("%v", err)
	}
}

func TestReply(t *testing.T) {
	for name, test := range map[string]struct {
		in    Reply
		out   Reply
		valid bool
	}{
		"granted":        {in: Reply{}, valid: true},
		"what it can":    {in: Reply{Info: Info{ReadOnly: true, DonatesRoot: true}}, out: Reply{Info: Info{ReadOnly: true, DonatesRoot: true}}, valid: true},
		"refusal":        {in: Reply{Refusal: Refused, Text: "no\x1b"}, out: Reply{Refusal: Refused, Text: "no�"}, valid: true},
		"both":           {in: Reply{Refusal: Refused, Info: Info{ReadOnly: true}}},
		"text of no use": {in: Reply{Text: "fine"}},
		"other refusal":  {in: Reply{Refusal: "gone"}},
		"a client's own": {in: Reply{Refusal: Untrusted}},
	} {
		t.Run(name, func(t *testing.T) {
			message, err := test.in.Encode()
			if !test.valid {
				if err == nil {
					t.Errorf("it is sent as %s", message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := DecodeReply(message); err != nil || got != test.out {
				t.Errorf("%s is read as %+v, %v", message, got, err)
			}
		})
	}
}

// What a daemon wrote is printable, however it was sent.
func TestReplyText(t *testing.T) {
	r, err := DecodeReply(fmt.Appendf(nil, `{"version":1,"refusal":"refused","text":"\u001b[2J%s"}`, strings.Repeat("a", 5000)))
	if err != nil || strings.Contains(r.Text, "\x1b") || len(r.Text) > maxText {
		t.Errorf("%d bytes: %.20q, %v", len(r.Text), r.Text, err)
	}
	if _, err := DecodeReply([]byte(`{"version":1,"refusal":"\u001b"}`)); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("an unknown refusal: %q", err)
	}
}

func FuzzDecodeHeader(f *testing.F) {
	for _, h := range []Header{{OpAsk, plain, false}, {OpAttach, plain, true}} {
		message, err := h.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"VERSION":1,"operation":"ask"}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		h, err := DecodeHeader(message)
		if (err == nil) == (h == Header{}) {
			t.Fatalf("%+v and %v", h, err)
		}
		if err == nil {
			again, err := h.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if same, err := DecodeHeader(again); err != nil || same != h {
				t.Fatalf("%+v is sent as %s, and read as %+v, %v", h, again, same, err)
			}
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add([]byte(`{"version":1,"readOnly":true}`))
	f.Add([]byte(`{"version":1,"refusal":"refused","text":"\u202e\n"}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := DecodeReply(message)
		if err != nil {
			if r != (Reply{}) {
				t.Fatalf("%+v and %v", r, err)
			}
			return
		}
		again, err := r.Encode()
		if err != nil || r.Text != printable(r.Text) {
			t.Fatalf("%+v, %v", r, err)
		}
		if same, err := DecodeReply(again); err != nil || !reflect.DeepEqual(same, r) {
			t.Fatalf("%+v is sent as %s, and read as %+v, %v", r, again, same, err)
		}
	})
}
