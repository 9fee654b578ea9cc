import { plainDockerfile } from './project.ts';

/** Asks a model once by what it is given, works for HARBOR_SEED hundredths of a second, and has 1 if it was answered. */
const agent = `#!/usr/bin/perl -w
use IO::Socket::INET;
$| = 1;
my ($host) = $ENV{OPENAI_BASE_URL} =~ m{^http://([^/]+)};
my $body = '{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}';
my $socket = IO::Socket::INET->new(PeerAddr => $host, Timeout => 10) or die "no interceptor at $host: $@";
print $socket "POST /v1/chat/completions HTTP/1.1\\r\\nHost: $host\\r\\nAuthorization: Bearer $ENV{OPENAI_API_KEY}\\r\\n",
  "Content-Type: application/json\\r\\nContent-Length: ", length($body), "\\r\\nConnection: close\\r\\n\\r\\n", $body;
my ($status) = <$socket> =~ / (\\d+) /;
print "asked\\n";
select undef, undef, undef, $ENV{HARBOR_SEED} / 100;
open my $result, '>', '/tmp/result.json';
print $result '{"metrics": {"reward_mean": ' . ($status == 200 ? 1 : 0) . '}}';
`;

/** An environment with an agent of its own that calls a model exactly once. */
export const asksOnce = {
  deployment: { name: 'asks-once', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' },
  files: { 'run.sh': agent },
};
