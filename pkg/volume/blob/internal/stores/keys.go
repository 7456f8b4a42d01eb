package stores

import (
	"context"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// Keys. The library writes some characters of keys as others, "../" as "..__0x2f__",
// and takes all that look like that for what they would stand for: objects of other
// programs would be shown under names of others, or could not be read. So the client
// undoes in its requests what the library did, and does in its listings what the
// library undoes (gocloud.dev v0.49, internal/escape): a key is a key.

// plainKeys is an option of a client.
func plainKeys(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("PlainKeys", plainKeysOf), middleware.Before)
	})
}

func plainKeysOf(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error) {
	in.Parameters = withPlainKeys(in.Parameters)
	out, metadata, err := next.HandleInitialize(ctx, in)
	if list, ok := out.Result.(*s3.ListObjectsV2Output); ok && err == nil {
		for i, o := range list.Contents {
			list.Contents[i].Key = escaped(o.Key)
		}
		for i, p := range list.CommonPrefixes {
			list.CommonPrefixes[i].Prefix = escaped(p.Prefix)
		}
	}
	return out, metadata, err
}

// withPlainKeys returns a copy: a caller may use its input again.
func withPlainKeys(parameters any) any {
	p := reflect.ValueOf(parameters)
	if p.Kind() != reflect.Pointer || p.Elem().Kind() != reflect.Struct {
		return parameters
	}
	c := reflect.New(p.Type().Elem())
	c.Elem().Set(p.Elem())
	for name, plain := range map[string]func(string) string{"Key": unescape, "Prefix": unescape, "CopySource": unescapeSource} {
		f := c.Elem().FieldByName(name)
		if !f.IsValid() {
			continue
		}
		if text, ok := f.Interface().(*string); ok && text != nil {
			f.Set(reflect.ValueOf(aws.String(plain(*text))))
		}
	}
	return c.Interface()
}

// sequence is what stands for a character.
var sequence = regexp.MustCompile(`__0x([0-9a-fA-F]+)__`)

func unescape(key string) string {
	return sequence.ReplaceAllStringFunc(key, func(s string) string {
		r, err := strconv.ParseInt(s[len("__0x"):len(s)-len("__")], 16, 32)
		if err != nil {
			return s
		}
		return string(rune(r))
	})
}

// unescapeSource is for the bucket and the key of what is copied.
func unescapeSource(source string) string {
	text, err := url.QueryUnescape(source)
	if err != nil {
		return source
	}
	return url.QueryEscape(unescape(text))
}

// escaped returns what unescape makes the key of.
func escaped(key *string) *string {
	if key == nil || !strings.Contains(*key, "__0x") {
		return key
	}
	return aws.String(strings.ReplaceAll(*key, "_", "__0x5f__"))
}
