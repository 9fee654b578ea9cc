import fc from 'fast-check';
import { expect, test } from 'vitest';
import { adminToken, mintToken, verifyToken } from '../../src/interceptor/tokens.ts';
import { rolloutIdPattern } from '../../src/model/ids.ts';

const rolloutId = fc.stringMatching(rolloutIdPattern);
const attempt = fc.integer({ min: 1, max: 999_999 });
const secret = fc.stringMatching(/^[0-9a-f]{64}$/);

test('a token tells whose it is', () => {
  fc.assert(
    fc.property(secret, rolloutId, attempt, (key, rollout, number) => {
      expect(verifyToken(key, mintToken(key, rollout, number))).toEqual({ rolloutId: rollout, attempt: number });
    }),
  );
});

test('a token with any one character changed is none', () => {
  fc.assert(
    fc.property(
      secret,
      rolloutId,
      attempt,
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      (key, rollout, number, at, other) => {
        const token = mintToken(key, rollout, number);
        const place = at % token.length;
        fc.pre(token[place] !== other);
        expect(verifyToken(key, token.slice(0, place) + other + token.slice(place + 1))).toBeUndefined();
      },
    ),
  );
});

test('another installation does not know the token', () => {
  fc.assert(
    fc.property(secret, secret, rolloutId, attempt, (key, other, rollout, number) => {
      fc.pre(key !== other);
      expect(verifyToken(other, mintToken(key, rollout, number))).toBeUndefined();
    }),
  );
});

test('any other text is none', () => {
  fc.assert(
    fc.property(secret, fc.string(), (key, text) => {
      expect(verifyToken(key, text)).toBeUndefined();
    }),
  );
});

test('the admin key is the HMAC of "admin" under the secret as text', () => {
  // openssl: printf admin | openssl dgst -sha256 -hmac 00ff -binary | basenc --base64url
  expect(adminToken('00ff')).toBe('hH3itC5vdLeDe5VTw9JVqmK-EKbPXMmQ7WpSpj2H-QU');
});
