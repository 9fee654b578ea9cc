import type { Files } from '../support/project.ts';
import { model } from './upstream.ts';

/** Steps of the agent's work: each is one call to its model that it needs the answer of. */
export const steps = 8;

/** The environment of a run: an agent in Perl, which every Debian has, that tells of each of its starts and steps. */
export function environmentOf(seeds: readonly number[]): Files {
  return {
    'app/agent.sh': '#!/bin/sh\nexec perl /app/agent.pl\n',
    'app/agent.pl': agent,
    ...Object.fromEntries(
      seeds.flatMap((seed) => [
        [`tasks/${seed}/instruction.md`, 'Ask the model, step by step, and write down what it says.'],
        [`tasks/${seed}/tests/test.sh`, tests],
      ]),
    ),
  };
}

export const dockerfile = 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n';

/** Of these the agent writes down a wrong last answer: the reward is 0, and nothing else. */
export const isWrongOn = (seed: number): boolean => seed % 4 === 0;

/**
 * Asks again for as long as it takes, as agents do whose patience outlasts a restart. That its token is refused cannot be mended
 * by asking again: then it ends with 3.
 */
const agent = String.raw`use strict;
use warnings;
use IO::Socket::INET;
$| = 1;

my ($host, $port, $path) = $ENV{OPENAI_BASE_URL} =~ m{^http://([^:/]+):(\d+)(/.*)$} or die 'no address';
open my $random, '<', '/dev/urandom' or die;
read $random, my $bytes, 8;
my $start = unpack 'H*', $bytes;
note('/app/starts', '>>', "$start\n");
print "start $start\n";
mkdir '/app/work';
for my $step (1 .. ${steps}) {
  my ($ask, $answer) = (0);
  until (defined $answer) {
    select undef, undef, undef, 0.3 if $ask;
    $answer = answer($step, ++$ask);
  }
  $answer = 'wrong' if $step == ${steps} && $ENV{HARBOR_SEED} % 4 == 0;
  note("/app/work/$step", '>', $answer);
  print "step $step\n";
  select undef, undef, undef, 0.5;
}
print "done\n";

sub note {
  my ($file, $mode, $text) = @_;
  open my $out, $mode, $file or die "$file: $!";
  print $out $text;
  close $out;
}

sub answer {
  my ($step, $ask) = @_;
  my $content = "$ENV{HARBOR_ROLLOUT_ID} $start $step $ask";
  my $body = qq({"model":"${model}","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"$content"}]});
  my $all = eval {
    local $SIG{ALRM} = sub { die "late\n" };
    alarm 20;
    my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 10) or die "no connection\n";
    local $SIG{PIPE} = 'IGNORE';
    print $socket "POST $path/chat/completions HTTP/1.0\r\nHost: $host\r\nAuthorization: Bearer $ENV{OPENAI_API_KEY}\r\n"
      . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    $socket->flush;
    local $/;
    my $read = <$socket>;
    alarm 0;
    $read;
  };
  alarm 0;
  return undef unless defined $all;
  if ($all =~ m{^HTTP/1\.\d 40[13]}) {
    print "refused\n";
    exit 3;
  }
  return undef unless $all =~ m{^HTTP/1\.\d 200} && $all =~ /\[DONE\]/;
  return join '', $all =~ /"content":"([^"]*)"/g;
}
`;

/** The reward is 1 where every answer is the model's; how often agent and tests ran is told beside it. */
const tests = `#!/bin/sh
echo tested >> /app/tested
sleep 1
right=1
start=$(head -n 1 /app/starts)
for step in $(seq ${steps}); do
  [ "$(cat /app/work/$step)" = "$(printf '%s:%s' "$start" "$step" | sha256sum | cut -c 1-64)" ] || right=0
done
printf '{"reward":%s,"starts":%s,"tests":%s}' $right "$(wc -l < /app/starts)" "$(wc -l < /app/tested)" > /logs/verifier/reward.json
`;
