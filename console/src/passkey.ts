// Passkeys by the browser's own JSON forms (WebAuthn Level 3).
import { call } from './api.ts';

type Json = Record<string, unknown> & { id: string };

const isPossible =
  typeof PublicKeyCredential !== 'undefined' &&
  typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function';

export interface Passkeys {
  readonly isPossible: boolean;
  signIn(): Promise<void>;
  add(label: string): Promise<void>;
}

export const usePasskey = (): Passkeys => ({
  isPossible,
  signIn: async () => {
    const { data } = await call('signInPasskeyOptions');
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
      data as unknown as PublicKeyCredentialRequestOptionsJSON,
    );
    const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
    await call('signInPasskey', { body: { response: credential.toJSON() as unknown as Json } });
  },
  add: async (label) => {
    const { data } = await call('addPasskeyOptions');
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
      data as unknown as PublicKeyCredentialCreationOptionsJSON,
    );
    const credential = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
    await call('addPasskey', { body: { response: credential.toJSON() as unknown as Json, label } });
  },
});
